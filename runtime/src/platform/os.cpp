#include "platform/os.hpp"

#include "base/clock.hpp"
#include "platform/sanitizers.hpp"

#include <linux/openat2.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace grove::detail {

namespace {

/// What the call returned, or -errno.
template <class Result>
[[nodiscard]] Result or_errno(Result result) noexcept {
    return result < 0 ? static_cast<Result>(-errno) : result;
}

/// A system call that does not wait, without what libc adds where pthread_cancel() may strike: 45
/// instructions each, four of them locked, once a process has several threads (bench/raw_hello makes two such
/// calls per request, with --close five). Sanitizers know only libc's.
template <long Number, auto Wrapped, class... Arguments>
[[nodiscard]] auto call(Arguments... arguments) noexcept {
#if defined(GROVE_ASAN) || defined(GROVE_TSAN)
    return or_errno(Wrapped(arguments...));
#else
    return or_errno(static_cast<decltype(Wrapped(arguments...))>(::syscall(Number, arguments...)));
#endif
}

/// Keeps SIGPIPE from this thread, and takes back the one that a write brought. Only send() and its like have
/// a flag for that; write(2) has not.
class NoSigpipe {
public:
    NoSigpipe() noexcept {
        sigemptyset(&sigpipe_);
        sigaddset(&sigpipe_, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
    }
    ~NoSigpipe() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    NoSigpipe(const NoSigpipe&) = delete;
    NoSigpipe& operator=(const NoSigpipe&) = delete;

    /// After what may have been EPIPE. If the caller has it blocked himself, one that is pending may be his.
    void take_back() noexcept {
        if (sigismember(&before_, SIGPIPE)) return;
        const timespec at_once{};
        sigtimedwait(&sigpipe_, nullptr, &at_once);
    }

private:
    sigset_t sigpipe_;
    sigset_t before_;
};

}  // namespace

// --- which one -------------------------------------------------------------------------------

constinit thread_local Os* this_thread_os = nullptr;

Os& real_os() noexcept {
    static constinit Os real;
    return real;
}

Os& set_os(Os& chosen) noexcept {
    Os& before = os();
    this_thread_os = &chosen;
    return before;
}

// --- the system itself -----------------------------------------------------------------------

Clock::time_point Os::now() noexcept {
    return Clock::now();
}

int Os::socket(int family, int type, int protocol) noexcept {
    return or_errno(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

int Os::socketpair(int family, int type, int protocol, int fds[2]) noexcept {
    return or_errno(::socketpair(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol, fds));
}

int Os::bind(int fd, const sockaddr* name, socklen_t size) noexcept {
    return or_errno(::bind(fd, name, size));
}

int Os::listen(int fd, int backlog) noexcept {
    return or_errno(::listen(fd, backlog));
}

int Os::accept(int fd, sockaddr* peer, socklen_t* size) noexcept {
    return call<SYS_accept4, ::accept4>(fd, peer, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int Os::connect(int fd, const sockaddr* peer, socklen_t size) noexcept {
    return or_errno(::connect(fd, peer, size));
}

int Os::shutdown(int fd, int how) noexcept {
    return or_errno(::shutdown(fd, how));
}

int Os::close(int fd) noexcept {
    return call<SYS_close, ::close>(fd);
}

int Os::set_option(int fd, int level, int name, const void* value, socklen_t size) noexcept {
    return or_errno(::setsockopt(fd, level, name, value, size));
}

int Os::get_option(int fd, int level, int name, void* value, socklen_t* size) noexcept {
    return or_errno(::getsockopt(fd, level, name, value, size));
}

int Os::local_name(int fd, sockaddr* name, socklen_t* size) noexcept {
    return or_errno(::getsockname(fd, name, size));
}

int Os::peer_name(int fd, sockaddr* name, socklen_t* size) noexcept {
    return or_errno(::getpeername(fd, name, size));
}

int Os::set_non_blocking(int fd, bool on) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    const int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return wanted == flags ? 0 : or_errno(::fcntl(fd, F_SETFL, wanted));
}

ssize_t Os::receive(int fd, void* into, std::size_t size) noexcept {
    return call<SYS_recvfrom, ::recvfrom>(fd, into, size, 0, nullptr, nullptr);
}

ssize_t Os::send(int fd, const void* from, std::size_t size) noexcept {
    return call<SYS_sendto, ::sendto>(fd, from, size, MSG_NOSIGNAL, nullptr, 0);
}

ssize_t Os::send_vector(int fd, const iovec* parts, std::size_t count) noexcept {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts);  // sendmsg only reads them
    message.msg_iovlen = count;
    return call<SYS_sendmsg, ::sendmsg>(fd, &message, MSG_NOSIGNAL);
}

ssize_t Os::receive_from(
    int fd, void* into, std::size_t size, sockaddr* peer, socklen_t* peer_size) noexcept {
    return or_errno(::recvfrom(fd, into, size, 0, peer, peer_size));
}

ssize_t Os::send_to(
    int fd, const void* from, std::size_t size, const sockaddr* peer, socklen_t peer_size) noexcept {
    return or_errno(::sendto(fd, from, size, MSG_NOSIGNAL, peer, peer_size));
}

int Os::receive_batch(int fd, mmsghdr* messages, unsigned count) noexcept {
    return or_errno(::recvmmsg(fd, messages, count, 0, nullptr));
}

int Os::send_batch(int fd, mmsghdr* messages, unsigned count) noexcept {
    return or_errno(::sendmmsg(fd, messages, count, MSG_NOSIGNAL));
}

namespace {

/// A message of one byte with room for one descriptor.
struct DescriptorMessage {
    DescriptorMessage() noexcept {
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control;
        // Without the padding, in which the system would put a second one, that nobody closes.
        header.msg_controllen = CMSG_LEN(sizeof(int));
    }
    DescriptorMessage(const DescriptorMessage&) = delete;
    DescriptorMessage& operator=(const DescriptorMessage&) = delete;

    char byte = 0;
    iovec part{.iov_base = &byte, .iov_len = 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr header{};
};

}  // namespace

ssize_t Os::send_descriptor(int fd, int passed) noexcept {
    DescriptorMessage message;
    cmsghdr& control = *CMSG_FIRSTHDR(&message.header);
    control.cmsg_level = SOL_SOCKET;
    control.cmsg_type = SCM_RIGHTS;
    control.cmsg_len = CMSG_LEN(sizeof passed);
    std::memcpy(CMSG_DATA(&control), &passed, sizeof passed);
    return or_errno(::sendmsg(fd, &message.header, MSG_NOSIGNAL));
}

ssize_t Os::receive_descriptor(int fd, int& passed) noexcept {
    DescriptorMessage message;
    passed = -1;
    const ssize_t n = or_errno(::recvmsg(fd, &message.header, MSG_CMSG_CLOEXEC));
    const cmsghdr* const control = n > 0 ? CMSG_FIRSTHDR(&message.header) : nullptr;
    if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS) {
        std::memcpy(&passed, CMSG_DATA(control), sizeof passed);
    }
    return n;
}

int Os::duplicate(int fd, int at_least) noexcept {
    return or_errno(::fcntl(fd, F_DUPFD_CLOEXEC, at_least));
}

int Os::pipe(int fds[2]) noexcept {
    return or_errno(::pipe2(fds, O_CLOEXEC));
}

ssize_t Os::read(int fd, void* into, std::size_t size) noexcept {
    return or_errno(::read(fd, into, size));
}

ssize_t Os::write(int fd, const void* from, std::size_t size) noexcept {
    NoSigpipe blocked;
    const ssize_t result = or_errno(::write(fd, from, size));
    if (result == -EPIPE) blocked.take_back();
    return result;
}

int Os::spawn(pid_t* pid,
              const char* file,
              const posix_spawn_file_actions_t* actions,
              char* const argv[],
              char* const environment[]) noexcept {
    return -::posix_spawnp(pid, file, actions, nullptr, argv, environment);
}

int Os::open_process(pid_t pid) noexcept {
    // By number: the header of glibc 2.36 does not say extern "C".
    return or_errno(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

int Os::signal_process(int pidfd, int signal) noexcept {
    return or_errno(static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0)));
}

int Os::reap_process(int pidfd, siginfo_t* end) noexcept {
    *end = {};
    return or_errno(::waitid(P_PIDFD, static_cast<id_t>(pidfd), end, WEXITED | WNOHANG));
}

int Os::poll(pollfd* fds, nfds_t count, Deadline by) noexcept {
    for (;;) {
        timespec left{};
        if (!by.is_never()) left = to_timespec(std::max(by.at() - now(), Clock::duration::zero()));
        const int ready = or_errno(::ppoll(fds, count, by.is_never() ? nullptr : &left, nullptr));
        if (ready != -EINTR) return ready;
    }
}

// --- regular files ---------------------------------------------------------------------------

int Os::open(const char* path, int flags, mode_t mode) noexcept {
    return or_errno(::open(path, flags | O_CLOEXEC, mode));
}

int Os::open_at(int directory, const char* path, int flags, std::uint64_t resolve) noexcept {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
    how.resolve = resolve;
    return or_errno(static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof how)));
}

ssize_t Os::read_at(int fd, const iovec* parts, std::size_t count, std::uint64_t offset, int flags) noexcept {
    return or_errno(::preadv2(fd, parts, static_cast<int>(count), static_cast<off_t>(offset), flags));
}

ssize_t Os::write_at(
    int fd, const iovec* parts, std::size_t count, std::uint64_t offset, int flags) noexcept {
    return or_errno(::pwritev2(fd, parts, static_cast<int>(count), static_cast<off_t>(offset), flags));
}

ssize_t Os::send_file(int socket, int file, std::uint64_t offset, std::size_t size) noexcept {
    NoSigpipe blocked;
    auto at = static_cast<off_t>(offset);
    const ssize_t result = or_errno(::sendfile(socket, file, &at, size));
    // If the peer leaves in mid-way there is a count, and the signal all the same.
    if (result < static_cast<ssize_t>(size)) blocked.take_back();
    return result;
}

int Os::sync(int fd) noexcept {
    return or_errno(::fsync(fd));
}

int Os::truncate(int fd, std::uint64_t size) noexcept {
    return or_errno(::ftruncate(fd, static_cast<off_t>(size)));
}

int Os::set_mode(int fd, mode_t mode) noexcept {
    return or_errno(::fchmod(fd, mode));
}

int Os::status(int fd, const char* path, int flags, struct statx* into) noexcept {
    return or_errno(::statx(fd, path, flags, STATX_BASIC_STATS, into));
}

int Os::rename(const char* from, const char* to) noexcept {
    return or_errno(::rename(from, to));
}

int Os::remove(const char* path, bool directory) noexcept {
    return or_errno(::unlinkat(AT_FDCWD, path, directory ? AT_REMOVEDIR : 0));
}

int Os::make_directory(const char* path, mode_t mode) noexcept {
    return or_errno(::mkdir(path, mode));
}

ssize_t Os::list(int fd, void* into, std::size_t size) noexcept {
    return or_errno(::getdents64(fd, into, size));
}

}  // namespace grove::detail
