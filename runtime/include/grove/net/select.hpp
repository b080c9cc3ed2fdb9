#pragma once

#include <grove/io/detail/readiness_case.hpp>
#include <grove/net/socket.hpp>
#include <grove/net/udp_socket.hpp>
#include <grove/sync/select.hpp>

#include <concepts>
#include <utility>

namespace grove {

namespace detail {
/// Throws Errc::closed if there is none.
struct ReadinessAccess {
    [[nodiscard]] static Descriptor& descriptor(const net::Socket&);
    [[nodiscard]] static Descriptor& descriptor(const net::UdpSocket&);
};
}  // namespace detail

/// What a socket can be waited for in: connections are taken by a greenlet that accepts, and a Queue.
template <class S>
concept Selectable = std::same_as<S, net::Socket> || std::same_as<S, net::UdpSocket>;

/// For select(): a read would not wait, for bytes, the end or an error are there: f(), which may read. What
/// somebody has read already and keeps in a buffer does not count. If the socket is closed meanwhile, that
/// too ends the wait. **Throws** Errc::closed of a closed socket; select() throws Errc::concurrent_use if
/// another greenlet waits to read.
template <Selectable S, std::invocable F = detail::DoNothing>
[[nodiscard]] auto on_readable(const S& socket, F f = {}) {
    return detail::ReadinessCase<F>{detail::ReadinessAccess::descriptor(socket),
                                    detail::ReadinessCaseBase::Direction::reading,
                                    std::move(f)};
}

/// The same for a write of at least one byte.
template <Selectable S, std::invocable F = detail::DoNothing>
[[nodiscard]] auto on_writable(const S& socket, F f = {}) {
    return detail::ReadinessCase<F>{detail::ReadinessAccess::descriptor(socket),
                                    detail::ReadinessCaseBase::Direction::writing,
                                    std::move(f)};
}

}  // namespace grove
