#pragma once

#include "platform/os.hpp"

#include <array>
#include <cstddef>
#include <vector>

namespace grove::testing {

/// A call of Os, for the scripts of FaultyOs.
enum class Call {
    socket,
    socketpair,
    bind,
    listen,
    accept,
    connect,
    shutdown,
    close,
    set_option,
    get_option,
    local_name,
    peer_name,
    set_non_blocking,
    receive,
    send,
    send_vector,
    receive_from,
    send_to,
    receive_batch,
    send_batch,
    duplicate,
    pipe,
    read,
    write,
    spawn,
    open_process,
    signal_process,
    reap_process,
    poll,
    open,
    open_at,
    read_at,
    write_at,
    send_file,
    sync,
    truncate,
    set_mode,
    status,
    rename,
    remove,
    make_directory,
    list,
};

/// The system with faults in it, on a script:
///
///     FaultyOs system;
///     system.fail(Call::receive, 3, ECONNRESET);   // the third receive
///     system.fail(Call::accept, 1, EMFILE, 20);    // the first twenty accepts
///     system.shorten(Call::send, 2, 1);            // the second send takes one byte
///
/// Files go through it, too, never through io_uring; those calls come from pool threads, one at a time if one
/// greenlet makes them. The n-th call of a kind counts from 1. One that fails does not reach the system, but
/// for close, which closes.
class FaultyOs final : public detail::Os {
public:
    static constexpr int for_ever = 1 << 30;

    explicit FaultyOs(detail::Os& real = detail::real_os()) : real_{real} {}

    void fail(Call, int nth, int error, int times = 1);
    /// For receive, send, send_vector, receive_from, send_to, read, write, read_at, write_at and send_file:
    /// at most so many bytes. For receive_batch and send_batch: datagrams.
    void shorten(Call, int nth, std::size_t bytes, int times = 1);
    /// Calls of a kind so far, failed ones too.
    [[nodiscard]] int count(Call call) const noexcept { return counts_[static_cast<std::size_t>(call)]; }

    Clock::time_point now() noexcept override { return real_.now(); }
    int socket(int family, int type, int protocol) noexcept override;
    int socketpair(int family, int type, int protocol, int fds[2]) noexcept override;
    int bind(int fd, const sockaddr*, socklen_t) noexcept override;
    int listen(int fd, int backlog) noexcept override;
    int accept(int fd, sockaddr*, socklen_t*) noexcept override;
    int connect(int fd, const sockaddr*, socklen_t) noexcept override;
    int shutdown(int fd, int how) noexcept override;
    int close(int fd) noexcept override;
    int set_option(int fd, int level, int name, const void* value, socklen_t size) noexcept override;
    int get_option(int fd, int level, int name, void* value, socklen_t* size) noexcept override;
    int local_name(int fd, sockaddr*, socklen_t*) noexcept override;
    int peer_name(int fd, sockaddr*, socklen_t*) noexcept override;
    int set_non_blocking(int fd, bool) noexcept override;
    ssize_t receive(int fd, void* into, std::size_t size) noexcept override;
    ssize_t send(int fd, const void* from, std::size_t size) noexcept override;
    ssize_t send_vector(int fd, const iovec*, std::size_t count) noexcept override;
    ssize_t receive_from(int fd, void* into, std::size_t size, sockaddr*, socklen_t*) noexcept override;
    ssize_t send_to(int fd, const void* from, std::size_t size, const sockaddr*, socklen_t) noexcept override;
    int receive_batch(int fd, mmsghdr*, unsigned count) noexcept override;
    int send_batch(int fd, mmsghdr*, unsigned count) noexcept override;
    int duplicate(int fd, int at_least) noexcept override;
    int pipe(int fds[2]) noexcept override;
    ssize_t read(int fd, void* into, std::size_t size) noexcept override;
    ssize_t write(int fd, const void* from, std::size_t size) noexcept override;
    int spawn(pid_t*,
              const char* file,
              const posix_spawn_file_actions_t*,
              char* const argv[],
              char* const environment[]) noexcept override;
    int open_process(pid_t) noexcept override;
    int signal_process(int pidfd, int signal) noexcept override;
    int reap_process(int pidfd, siginfo_t*) noexcept override;
    int poll(pollfd*, nfds_t, Deadline) noexcept override;
    int open(const char* path, int flags, mode_t mode) noexcept override;
    int open_at(int directory, const char* path, int flags, std::uint64_t resolve) noexcept override;
    ssize_t read_at(
        int fd, const iovec*, std::size_t count, std::uint64_t offset, int flags) noexcept override;
    ssize_t write_at(
        int fd, const iovec*, std::size_t count, std::uint64_t offset, int flags) noexcept override;
    ssize_t send_file(int socket, int file, std::uint64_t offset, std::size_t size) noexcept override;
    int sync(int fd) noexcept override;
    int truncate(int fd, std::uint64_t size) noexcept override;
    int set_mode(int fd, mode_t mode) noexcept override;
    int status(int fd, const char* path, int flags, struct statx*) noexcept override;
    int rename(const char* from, const char* to) noexcept override;
    int remove(const char* path, bool directory) noexcept override;
    int make_directory(const char* path, mode_t mode) noexcept override;
    ssize_t list(int fd, void* into, std::size_t size) noexcept override;
    bool allows_ring() const noexcept override { return false; }
    bool keeps_its_word() const noexcept override { return faults_.empty(); }

private:
    struct Fault {
        Call call;
        int first;
        int times;
        int error;  // 0: shortened
        std::size_t bytes;
    };
    struct Next {
        int error = 0;
        std::size_t most;  // bytes
    };

    /// Counts a call and says what becomes of it.
    Next next(Call, std::size_t bytes = 0) noexcept;
    /// The pieces that may go: all of them, cut to what this call may move.
    std::pair<int, std::vector<iovec>> next_vector(Call, const iovec*, std::size_t count) noexcept;

    detail::Os& real_;
    std::vector<Fault> faults_;
    std::array<int, static_cast<std::size_t>(Call::list) + 1> counts_{};
};

/// This thread uses another system for a scope.
class OsScope {
public:
    explicit OsScope(detail::Os& system) noexcept : before_{detail::set_os(system)} {}
    OsScope(const OsScope&) = delete;
    OsScope& operator=(const OsScope&) = delete;
    ~OsScope() { detail::set_os(before_); }

private:
    detail::Os& before_;
};

}  // namespace grove::testing
