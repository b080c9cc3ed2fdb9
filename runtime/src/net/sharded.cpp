#include <grove/net/sharded.hpp>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <thread>

namespace grove::net {

namespace {

Listener duplicate(const Listener& listener) {
    const int fd = ::fcntl(listener.native_handle(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) throw std::system_error{errno, std::generic_category(), "bind_sharded"};
    return Listener::adopt(fd);
}

}  // namespace

std::vector<Listener> bind_sharded(std::size_t n, const Endpoint& at, const ListenOptions& options) {
    if (n == 0) n = std::max(1U, std::thread::hardware_concurrency());
    std::vector<Listener> listeners;
    listeners.reserve(n);
    // The system would let us in beside another of this user's programs that shares its port.
    if (!options.reuse_port && !at.is_unix() && at.port() != 0) (void)Listener::bind(at, options);
    ListenOptions shared = options;
    shared.reuse_port = !at.is_unix();
    listeners.push_back(Listener::bind(at, shared));
    while (listeners.size() < n) {
        listeners.push_back(at.is_unix() ? duplicate(listeners.front())
                                         : Listener::bind(listeners.front().local(), shared));
    }
    return listeners;
}

}  // namespace grove::net
