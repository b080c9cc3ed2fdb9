#pragma once

#include <mutex>

namespace grove::detail {

/// Lets one thread end the I/O of another that owns a socket. Shared by the two.
class HangUp {
public:
    explicit HangUp(int fd) noexcept : fd_{fd} {}

    /// Shuts the socket down in both directions: calls that wait return, later ones fail. Any thread.
    void shut_down() noexcept;
    /// The number is about to be closed or given away. Any thread.
    void expire() noexcept;

private:
    std::mutex mutex_;  // held over the system call, lest the number get another meaning meanwhile
    int fd_;            // -1: expired
};

}  // namespace grove::detail
