#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace grove::detail {

/// Bytes that came in and wait to be understood. Small messages fit inside; what does not fit goes to the
/// heap until the buffer is empty and released, so a connection that waits for its next message holds no
/// memory but this.
///
/// Invariant: begin_ <= end_ <= capacity_. bytes() do not move but in make_room().
class InputBuffer {
public:
    InputBuffer() noexcept {}  // not "= default": that would fill small_ with zeros in InputBuffer{}
    InputBuffer(const InputBuffer&) = delete;
    InputBuffer& operator=(const InputBuffer&) = delete;

    [[nodiscard]] std::string_view bytes() const noexcept { return {data() + begin_, end_ - begin_}; }
    [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }

    /// Takes the first n bytes away.
    void consume(std::size_t n) noexcept {
        begin_ += n;
        if (begin_ == end_) begin_ = end_ = 0;
    }

    /// Where to read to. Grows if that is less than `wanted`, and is empty only if there are `limit` bytes
    /// already.
    [[nodiscard]] std::span<std::byte> make_room(std::size_t limit, std::size_t wanted = 1) {
        if (capacity_ - end_ < wanted) reserve_more(limit, wanted);
        return std::as_writable_bytes(std::span{data() + end_, capacity_ - end_});
    }
    void commit(std::size_t n) noexcept { end_ += n; }

    /// Back to the small one, if nothing is in the large one; whether there was one.
    bool release() noexcept {
        if (!empty() || !large_) return false;
        large_.reset();
        capacity_ = small_size;
        return true;
    }

private:
    static constexpr std::size_t first_large = 16 * 1024;

    [[nodiscard]] char* data() noexcept { return large_ ? large_.get() : small_.data(); }
    [[nodiscard]] const char* data() const noexcept { return large_ ? large_.get() : small_.data(); }
    void reserve_more(std::size_t limit, std::size_t wanted);

    std::unique_ptr<char[]> large_;
    std::size_t capacity_ = small_size;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    // Most heads fit (a browser's have 500 to 1000 bytes), and it lies on a stack that is there anyway.
    static constexpr std::size_t small_size = 1024;
    std::array<char, small_size> small_;
};

// ---------------------------------------------------------------------------------------------

inline void InputBuffer::reserve_more(std::size_t limit, std::size_t wanted) {
    const std::size_t size = end_ - begin_;
    if (capacity_ - size < wanted && capacity_ < limit) {
        const std::size_t capacity =
            std::min(std::max(first_large, capacity_ * 2), std::max(limit, small_size));
        std::unique_ptr<char[]> larger{new char[capacity]};
        std::memcpy(larger.get(), data() + begin_, size);
        large_ = std::move(larger);
        capacity_ = capacity;
    } else {
        std::memmove(data(), data() + begin_, size);
    }
    begin_ = 0;
    end_ = size;
}

}  // namespace grove::detail
