#pragma once

#include <grove/base/time.hpp>

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <poll.h>

namespace grove::detail {

/// Every system call of grove's that touches the world goes through here, so that a test can make the n-th
/// one fail and a simulation can take the system's place. Results are the system's own, but failures come as
/// -errno, and errno itself means nothing. Sockets are made non-blocking and close-on-exec, and never send
/// SIGPIPE. The event loop has its own seam (EventLoop).
class Os {
public:
    virtual ~Os() = default;

    virtual Clock::time_point now() noexcept;

    virtual int socket(int family, int type, int protocol) noexcept;
    virtual int socketpair(int family, int type, int protocol, int fds[2]) noexcept;
    virtual int bind(int fd, const sockaddr*, socklen_t) noexcept;
    virtual int listen(int fd, int backlog) noexcept;
    virtual int accept(int fd, sockaddr*, socklen_t*) noexcept;
    virtual int connect(int fd, const sockaddr*, socklen_t) noexcept;
    virtual int shutdown(int fd, int how) noexcept;
    virtual int close(int fd) noexcept;
    virtual int set_option(int fd, int level, int name, const void* value, socklen_t size) noexcept;
    virtual int get_option(int fd, int level, int name, void* value, socklen_t* size) noexcept;
    virtual int local_name(int fd, sockaddr*, socklen_t*) noexcept;
    virtual int peer_name(int fd, sockaddr*, socklen_t*) noexcept;
    virtual int set_non_blocking(int fd, bool) noexcept;

    virtual ssize_t receive(int fd, void* into, std::size_t size) noexcept;
    virtual ssize_t send(int fd, const void* from, std::size_t size) noexcept;
    virtual ssize_t send_vector(int fd, const iovec*, std::size_t count) noexcept;
    virtual ssize_t receive_from(int fd, void* into, std::size_t size, sockaddr*, socklen_t*) noexcept;
    virtual ssize_t send_to(int fd, const void* from, std::size_t size, const sockaddr*, socklen_t) noexcept;

    /// With a byte of data. The received one is -1 if none came.
    virtual ssize_t send_descriptor(int fd, int passed) noexcept;
    virtual ssize_t receive_descriptor(int fd, int& passed) noexcept;

    /// For threads without a runtime. EINTR is handled.
    virtual int poll(pollfd*, nfds_t, Deadline) noexcept;

    /// False if a short count, or EAGAIN, may come although there is more: when a test injects them. Then
    /// readiness is asked for anew before each wait.
    [[nodiscard]] virtual bool keeps_its_word() const noexcept { return true; }
};

/// The system itself.
[[nodiscard]] Os& real_os() noexcept;

/// What the present thread uses: the real one, unless its runtime was given another.
[[nodiscard]] inline Os& os() noexcept;
/// Returns the one before. Requires: the new one outlives its use on this thread.
Os& set_os(Os&) noexcept;

// ---------------------------------------------------------------------------------------------

extern constinit thread_local Os* this_thread_os;  // null: the real one
inline Os& os() noexcept {
    return this_thread_os ? *this_thread_os : real_os();
}

}  // namespace grove::detail
