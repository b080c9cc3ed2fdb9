#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace grove::detail {

/// Bytes that came in and wait to be understood. The room for them is small, large for messages that need
/// it, and none once it is released: a connection that waits for long holds no memory but this.
///
/// Invariant: begin_ <= end_ <= capacity_. bytes() do not move but in make_room().
class InputBuffer {
public:
    // Most heads fit: a browser's have 500 to 1000 bytes.
    static constexpr std::size_t small_size = 1024;

    InputBuffer() noexcept = default;
    InputBuffer(const InputBuffer&) = delete;
    InputBuffer& operator=(const InputBuffer&) = delete;

    [[nodiscard]] std::string_view bytes() const noexcept { return {data_.get() + begin_, end_ - begin_}; }
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
        return std::as_writable_bytes(std::span{data_.get() + end_, capacity_ - end_});
    }
    void commit(std::size_t n) noexcept { end_ += n; }
    /// What came elsewhere.
    void append(std::string_view bytes) {
        if (bytes.empty()) return;
        std::memcpy(make_room(end_ + bytes.size(), bytes.size()).data(), bytes.data(), bytes.size());
        commit(bytes.size());
    }

    /// Lets go of a large one, if nothing is in it; whether there was one.
    bool release() noexcept { return capacity_ > small_size && release_all(); }
    /// The same with any.
    bool release_all() noexcept {
        if (!empty()) return false;
        data_.reset();
        capacity_ = 0;
        return true;
    }

private:
    static constexpr std::size_t first_large = 16 * 1024;

    void reserve_more(std::size_t limit, std::size_t wanted);

    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

// ---------------------------------------------------------------------------------------------

inline void InputBuffer::reserve_more(std::size_t limit, std::size_t wanted) {
    const std::size_t size = end_ - begin_;
    if (capacity_ == 0 || (capacity_ - size < wanted && capacity_ < limit)) {
        const std::size_t next =
            capacity_ == 0 && wanted <= small_size ? small_size : std::max(first_large, capacity_ * 2);
        const std::size_t capacity = std::min(next, std::max(limit, small_size));
        std::unique_ptr<char[]> larger{new char[capacity]};
        if (size > 0) std::memcpy(larger.get(), data_.get() + begin_, size);
        data_ = std::move(larger);
        capacity_ = capacity;
    } else {
        std::memmove(data_.get(), data_.get() + begin_, size);
    }
    begin_ = 0;
    end_ = size;
}

}  // namespace grove::detail
