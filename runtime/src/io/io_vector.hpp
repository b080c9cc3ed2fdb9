#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <span>

namespace grove::detail {

/// Pieces of memory as the vectored system calls take them. Empty ones are left out; what is beyond the
/// sixteenth waits for the caller's next call, as the rest of any short count does.
class IoVector {
public:
    IoVector(const void* memory, std::size_t size) noexcept { add(memory, size); }
    template <class Byte>
    explicit IoVector(std::span<const std::span<Byte>> pieces) noexcept {
        for (const auto piece : pieces) {
            if (count_ == parts_.size()) break;
            if (!piece.empty()) add(piece.data(), piece.size());
        }
    }

    [[nodiscard]] const iovec* parts() const noexcept { return parts_.data(); }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }  ///< bytes, of all together

private:
    void add(const void* memory, std::size_t size) noexcept {
        parts_[count_++] = {const_cast<void*>(memory), size};  // who writes from it only reads it
        size_ += size;
    }

    std::array<iovec, 16> parts_;  // the first `count_` of them
    std::size_t count_ = 0;
    std::size_t size_ = 0;
};

}  // namespace grove::detail
