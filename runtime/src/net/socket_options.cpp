#include <grove/net/socket.hpp>
#include <grove/net/udp_socket.hpp>

#include "net/socket_state.hpp"
#include "net/udp_state.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace grove {

namespace detail {

namespace {

void set(int fd, int level, int name, const void* value, socklen_t size, const char* what) {
    std::error_code ec = Errc::closed;
    if (fd >= 0) checked(os().set_option(fd, level, name, value, size), ec);
    if (ec) throw_failed(what, {}, ec);
}

void set(int fd, int level, int name, int value, const char* what) {
    set(fd, level, name, &value, sizeof value, what);
}

int get(int fd, int level, int name) {
    std::error_code ec = Errc::closed;
    int value = 0;
    socklen_t size = sizeof value;
    if (fd >= 0) checked(os().get_option(fd, level, name, &value, &size), ec);
    if (ec) throw_failed("option", {}, ec);
    return value;
}

int as_int(std::size_t bytes) noexcept {
    return static_cast<int>(std::min<std::size_t>(bytes, std::numeric_limits<int>::max()));
}

/// The name of an option in both families.
struct MulticastOption {
    int v4;
    int v6;
};

void set_multicast(
    const net::UdpSocket& socket, MulticastOption option, const auto& v4, const auto& v6, const char* what) {
    const int fd = socket.native_handle();
    if (fd >= 0 && socket.local().ip().is_v6()) {
        set(fd, IPPROTO_IPV6, option.v6, &v6, sizeof v6, what);
    } else {
        set(fd, IPPROTO_IP, option.v4, &v4, sizeof v4, what);
    }
}

void set_membership(int fd, const net::IpAddress& group, unsigned interface, bool member, const char* what) {
    if (group.is_v6()) {
        ipv6_mreq request{};
        std::memcpy(&request.ipv6mr_multiaddr, group.bytes().data(), 16);
        request.ipv6mr_interface = interface;
        set(fd, IPPROTO_IPV6, member ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &request, sizeof request, what);
    } else {
        ip_mreqn request{};
        std::memcpy(&request.imr_multiaddr, group.bytes().data(), 4);
        request.imr_ifindex = static_cast<int>(interface);
        set(fd, IPPROTO_IP, member ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &request, sizeof request, what);
    }
}

}  // namespace
}  // namespace detail

namespace net {

// --- Connections ----------------------------------------------------------------------------------

void Socket::set_option(int level, int name, int value) {
    detail::set(native_handle(), level, name, value, "set_option");
}

int Socket::option(int level, int name) const {
    return detail::get(native_handle(), level, name);
}

void Socket::set_no_delay(bool on) {
    if (state_ && state_->peer().is_unix()) return;  // there is no delay
    detail::set(native_handle(), IPPROTO_TCP, TCP_NODELAY, on, "set_no_delay");
}

void Socket::set_keep_alive(const std::optional<KeepAlive>& when) {
    constexpr auto what = "set_keep_alive";
    const int fd = native_handle();
    if (when) {
        detail::set(fd, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(when->idle.count()), what);
        detail::set(fd, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(when->interval.count()), what);
        detail::set(fd, IPPROTO_TCP, TCP_KEEPCNT, when->probes, what);
    }
    detail::set(fd, SOL_SOCKET, SO_KEEPALIVE, when.has_value(), what);
}

void Socket::set_reset_on_close(bool on) {
    const linger value{.l_onoff = on, .l_linger = 0};
    detail::set(native_handle(), SOL_SOCKET, SO_LINGER, &value, sizeof value, "set_reset_on_close");
}

void Socket::set_receive_buffer(std::size_t bytes) {
    detail::set(native_handle(), SOL_SOCKET, SO_RCVBUF, detail::as_int(bytes), "set_receive_buffer");
}

void Socket::set_send_buffer(std::size_t bytes) {
    detail::set(native_handle(), SOL_SOCKET, SO_SNDBUF, detail::as_int(bytes), "set_send_buffer");
}

// --- Descriptors ----------------------------------------------------------------------------------

void Socket::send_descriptor(int passed, Deadline by) {
    std::error_code ec = Errc::closed;
    if (state_) {
        const detail::IoCall call{"Socket::send_descriptor", 0, [passed](int fd) noexcept {
                                      return detail::os().send_descriptor(fd, passed);
                                  }};
        state_->write(call, ec, by);
    }
    if (ec) detail::throw_failed("send_descriptor", {}, ec);
}

int Socket::receive_descriptor(Deadline by) {
    std::error_code ec = Errc::closed;
    int passed = -1;
    std::size_t n = 0;
    if (state_) {
        const detail::IoCall call{"Socket::receive_descriptor", 0, [&passed](int fd) noexcept {
                                      return detail::os().receive_descriptor(fd, passed);
                                  }};
        n = state_->read(call, ec, by);
    }
    if (!ec && passed < 0) ec = n == 0 ? Errc::eof : Errc::bad_message;
    if (ec) detail::throw_failed("receive_descriptor", {}, ec);
    return passed;
}

// --- Datagrams ------------------------------------------------------------------------------------

void UdpSocket::set_option(int level, int name, int value) {
    detail::set(native_handle(), level, name, value, "set_option");
}

int UdpSocket::option(int level, int name) const {
    return detail::get(native_handle(), level, name);
}

void UdpSocket::set_broadcast(bool on) {
    detail::set(native_handle(), SOL_SOCKET, SO_BROADCAST, on, "set_broadcast");
}

void UdpSocket::join_group(const IpAddress& group, unsigned interface) {
    detail::set_membership(native_handle(), group, interface, true, "join_group");
}

void UdpSocket::leave_group(const IpAddress& group, unsigned interface) {
    detail::set_membership(native_handle(), group, interface, false, "leave_group");
}

void UdpSocket::set_multicast_interface(unsigned interface) {
    const ip_mreqn by_number{
        .imr_multiaddr = {}, .imr_address = {}, .imr_ifindex = static_cast<int>(interface)};
    detail::set_multicast(
        *this, {IP_MULTICAST_IF, IPV6_MULTICAST_IF}, by_number, interface, "set_multicast_interface");
}

void UdpSocket::set_multicast_ttl(int hops) {
    detail::set_multicast(*this, {IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS}, hops, hops, "set_multicast_ttl");
}

void UdpSocket::set_multicast_loop(bool on) {
    const int value = on;
    detail::set_multicast(
        *this, {IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP}, value, value, "set_multicast_loop");
}

}  // namespace net
}  // namespace grove
