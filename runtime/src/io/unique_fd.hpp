#pragma once

#include "platform/os.hpp"

#include <system_error>
#include <utility>

namespace grove::detail {

/// A number on its way to who will keep it.
class UniqueFd {
public:
    explicit UniqueFd(int fd = -1) noexcept : fd_{fd} {}
    UniqueFd(UniqueFd&& other) noexcept : fd_{other.release()} {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~UniqueFd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    void reset() noexcept {
        if (fd_ >= 0) (void)os().close(std::exchange(fd_, -1));
    }

private:
    int fd_;
};

/// What a call gave that returns -errno, as ec and, if it failed, -1.
inline int checked(int result, std::error_code& ec) noexcept {
    ec = result < 0 ? std::error_code{-result, std::generic_category()} : std::error_code{};
    return result < 0 ? -1 : result;
}

}  // namespace grove::detail
