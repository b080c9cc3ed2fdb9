#pragma once

#include "base/clock.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <poll.h>
#include <system_error>
#include <unistd.h>

namespace grove::detail {

/// Waits until it is, for so long at most.
inline bool becomes_readable(int fd, std::chrono::nanoseconds at_most) noexcept {
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    const timespec time = to_timespec(std::max(at_most, std::chrono::nanoseconds::zero()));
    return ::ppoll(&entry, 1, &time, nullptr) > 0;
}

/// A descriptor of a loop's own.
class OwnFd {
public:
    OwnFd(int fd, const char* what) : fd_{fd} {
        if (fd_ < 0) throw std::system_error{errno, std::generic_category(), what};
    }
    OwnFd(const OwnFd&) = delete;
    OwnFd& operator=(const OwnFd&) = delete;
    ~OwnFd() { ::close(fd_); }

    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    int fd_;
};

/// What ends the sleep of a loop: a descriptor that becomes readable. Only the first of many wakes writes.
class LoopWake {
public:
    /// Any thread, and from signal handlers.
    void wake() noexcept {
        if (woken_.exchange(true, std::memory_order_acq_rel)) return;
        const int saved_errno = errno;  // of the code that a signal handler interrupted
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);
        errno = saved_errno;
    }
    /// After the loop has slept, so that a wake() from here on writes again; and with acquire, so that
    /// whoever did not write because the flag was set has his message seen by what follows.
    void slept() noexcept { woken_.exchange(false, std::memory_order_acq_rel); }
    /// Waits for a wake(), for so long at most; true if one came since the loop slept. Any thread.
    bool wait(std::chrono::nanoseconds at_most) const noexcept {
        return becomes_readable(fd_.get(), at_most);
    }
    /// No longer readable. A loop that is told of each change need not.
    void drain() noexcept {
        std::uint64_t count = 0;
        [[maybe_unused]] const auto read = ::read(fd_.get(), &count, sizeof count);
    }

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

private:
    OwnFd fd_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd"};
    std::atomic<bool> woken_{false};
};

}  // namespace grove::detail
