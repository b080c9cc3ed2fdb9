#include "support/system_calls.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <csignal>
#include <ctime>
#include <dlfcn.h>
#include <unistd.h>

namespace {

constinit thread_local std::uint64_t calls = 0;

using Syscall = long (*)(long number, ...) noexcept;
constinit Syscall libc_syscall = nullptr;  // the one below hides it

template <class Result, class... Arguments>
Result counted(long number, Arguments... arguments) {
    ++calls;
    if (!libc_syscall) libc_syscall = reinterpret_cast<Syscall>(::dlsym(RTLD_NEXT, "syscall"));
    return static_cast<Result>(libc_syscall(number, arguments...));
}

}  // namespace

std::uint64_t system_calls() noexcept {
    return calls;
}

// A program's own functions come before those of a shared library, for the library's users too.
extern "C" {

// By another name, to be without the dots: they cost a hundred instructions.
long named_syscall(long number, long a, long b, long c, long d, long e, long f) noexcept asm("syscall");
long named_syscall(long number, long a, long b, long c, long d, long e, long f) noexcept {
    return counted<long>(number, a, b, c, d, e, f);
}

ssize_t recv(int fd, void* into, size_t size, int flags) {
    return counted<ssize_t>(SYS_recvfrom, fd, into, size, flags, nullptr, nullptr);
}
ssize_t send(int fd, const void* from, size_t size, int flags) {
    return counted<ssize_t>(SYS_sendto, fd, from, size, flags, nullptr, 0);
}
ssize_t recvfrom(int fd, void* into, size_t size, int flags, sockaddr* peer, socklen_t* peer_size) {
    return counted<ssize_t>(SYS_recvfrom, fd, into, size, flags, peer, peer_size);
}
ssize_t sendto(int fd, const void* from, size_t size, int flags, const sockaddr* peer, socklen_t peer_size) {
    return counted<ssize_t>(SYS_sendto, fd, from, size, flags, peer, peer_size);
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    return counted<ssize_t>(SYS_sendmsg, fd, message, flags);
}
int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* time) {
    return counted<int>(SYS_recvmmsg, fd, messages, count, flags, time);
}
int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
    return counted<int>(SYS_sendmmsg, fd, messages, count, flags);
}
int socket(int family, int type, int protocol) noexcept {
    return counted<int>(SYS_socket, family, type, protocol);
}
int connect(int fd, const sockaddr* peer, socklen_t size) {
    return counted<int>(SYS_connect, fd, peer, size);
}
int accept4(int fd, sockaddr* peer, socklen_t* size, int flags) {
    return counted<int>(SYS_accept4, fd, peer, size, flags);
}
int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
    return counted<int>(SYS_setsockopt, fd, level, name, value, size);
}
int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
    return counted<int>(SYS_getsockopt, fd, level, name, value, size);
}
int close(int fd) {
    return counted<int>(SYS_close, fd);
}
ssize_t read(int fd, void* into, size_t size) {
    return counted<ssize_t>(SYS_read, fd, into, size);
}
ssize_t write(int fd, const void* from, size_t size) {
    return counted<ssize_t>(SYS_write, fd, from, size);
}
ssize_t preadv2(int fd, const iovec* parts, int count, off_t offset, int flags) {
    return counted<ssize_t>(SYS_preadv2, fd, parts, count, offset, 0, flags);
}
int epoll_wait(int epoll, epoll_event* events, int size, int milliseconds) {
    return counted<int>(SYS_epoll_wait, epoll, events, size, milliseconds);
}
int epoll_pwait2(int epoll, epoll_event* events, int size, const timespec* time, const sigset_t*) {
    return counted<int>(SYS_epoll_pwait2, epoll, events, size, time, nullptr, 0);
}
int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
    return counted<int>(SYS_epoll_ctl, epoll, operation, fd, event);
}

}  // extern "C"
