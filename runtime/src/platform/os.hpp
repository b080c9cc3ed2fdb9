#pragma once

#include <grove/base/time.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <poll.h>
#include <signal.h>
#include <spawn.h>

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
    virtual int receive_batch(int fd, mmsghdr*, unsigned count) noexcept;
    virtual int send_batch(int fd, mmsghdr*, unsigned count) noexcept;

    /// With a byte of data. The received one is -1 if none came.
    virtual ssize_t send_descriptor(int fd, int passed) noexcept;
    virtual ssize_t receive_descriptor(int fd, int& passed) noexcept;

    virtual int duplicate(int fd, int at_least) noexcept;  ///< close-on-exec
    virtual int pipe(int fds[2]) noexcept;                 ///< close-on-exec; blocking, unlike sockets
    virtual ssize_t read(int fd, void* into, std::size_t size) noexcept;
    virtual ssize_t write(int fd, const void* from, std::size_t size) noexcept;  ///< never sends SIGPIPE

    virtual int spawn(pid_t*,
                      const char* file,
                      const posix_spawn_file_actions_t*,
                      char* const argv[],
                      char* const environment[]) noexcept;
    virtual int open_process(pid_t) noexcept;  ///< a pidfd
    virtual int signal_process(int pidfd, int signal) noexcept;
    virtual int reap_process(int pidfd, siginfo_t*) noexcept;  ///< si_pid is 0: it still runs

    /// For threads without a runtime. EINTR is handled.
    virtual int poll(pollfd*, nfds_t, Deadline) noexcept;

    // Regular files. Those that may wait for a disk are called where they hold up one thread alone.
    virtual int open(const char* path, int flags, mode_t mode) noexcept;
    /// openat2(2): resolve has its RESOLVE_ flags.
    virtual int open_at(int directory, const char* path, int flags, std::uint64_t resolve) noexcept;
    /// flags: RWF_NOWAIT takes what memory holds, and fails with EAGAIN or EOPNOTSUPP instead of waiting.
    virtual ssize_t read_at(
        int fd, const iovec*, std::size_t count, std::uint64_t offset, int flags) noexcept;
    virtual ssize_t write_at(
        int fd, const iovec*, std::size_t count, std::uint64_t offset, int flags) noexcept;
    /// Into a non-blocking socket, of which EAGAIN speaks; waits for the disk. Never sends SIGPIPE.
    virtual ssize_t send_file(int socket, int file, std::uint64_t offset, std::size_t size) noexcept;
    virtual int sync(int fd) noexcept;
    virtual int truncate(int fd, std::uint64_t size) noexcept;
    virtual int set_mode(int fd, mode_t mode) noexcept;
    virtual int status(int fd, const char* path, int flags, struct statx*) noexcept;
    virtual int rename(const char* from, const char* to) noexcept;
    virtual int remove(const char* path, bool directory) noexcept;
    virtual int make_directory(const char* path, mode_t mode) noexcept;
    /// The next entries, as linux_dirent64; 0 at the end.
    virtual ssize_t list(int fd, void* into, std::size_t size) noexcept;

    /// False if files have to go through the calls above: when a test injects faults, or simulates. Else
    /// io_uring, whose calls nobody can step into, may do the same work.
    [[nodiscard]] virtual bool allows_ring() const noexcept { return true; }

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
