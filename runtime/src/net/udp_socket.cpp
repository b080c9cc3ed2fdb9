#include <grove/net/select.hpp>
#include <grove/net/udp_socket.hpp>

#include "net/socket_state.hpp"
#include "net/udp_state.hpp"

#include <sys/socket.h>

namespace grove {

namespace detail {

Descriptor& ReadinessAccess::descriptor(const net::UdpSocket& socket) {
    if (!socket) throw std::system_error{Errc::closed, "select"};
    return *socket.state_;
}

namespace {

UdpState* make_state(UniqueFd fd, bool is_unix, std::optional<net::Endpoint> peer) {
    auto* const state = new UdpState{fd.get(), is_unix, std::move(peer)};
    (void)fd.release();
    return state;
}

/// Gives a Unix socket a name of the system's choice, so that its peer can answer.
void name_unix_socket(int fd, std::error_code& ec) noexcept {
    const sockaddr nameless{.sa_family = AF_UNIX, .sa_data = {}};
    checked(os().bind(fd, &nameless, sizeof nameless.sa_family), ec);
}

}  // namespace
}  // namespace detail

namespace net {

using detail::checked;
using detail::os;

UdpSocket::UdpSocket() noexcept = default;
UdpSocket::UdpSocket(detail::UdpState* state) noexcept : state_{state} {}
UdpSocket::UdpSocket(UdpSocket&&) noexcept = default;
UdpSocket& UdpSocket::operator=(UdpSocket&&) noexcept = default;
UdpSocket::~UdpSocket() = default;

// --- Making one -----------------------------------------------------------------------------------

UdpSocket UdpSocket::bind(const Endpoint& at, std::error_code& ec) {
    const detail::SocketAddress address{at, ec};
    if (ec) return {};
    detail::UniqueFd fd = detail::open_socket(address.family(), SOCK_DGRAM, ec);
    if (!ec) detail::bind_socket(fd.get(), SOCK_DGRAM, at, address, ec);
    if (ec) return {};
    UdpSocket socket{detail::make_state(std::move(fd), at.is_unix(), {})};
    if (at.is_unix()) socket.state_->own_file(at.path());
    return socket;
}

UdpSocket UdpSocket::bind(const Endpoint& at) {
    std::error_code ec;
    UdpSocket socket = bind(at, ec);
    if (ec) detail::throw_failed("bind", at.to_string(), ec);
    return socket;
}

UdpSocket UdpSocket::connect(const Endpoint& peer, std::error_code& ec) {
    const detail::SocketAddress address{peer, ec};
    if (ec) return {};
    detail::UniqueFd fd = detail::open_socket(address.family(), SOCK_DGRAM, ec);
    if (!ec && peer.is_unix()) detail::name_unix_socket(fd.get(), ec);
    if (!ec) checked(os().connect(fd.get(), address.get(), address.size()), ec);
    if (ec) return {};
    return UdpSocket{detail::make_state(std::move(fd), peer.is_unix(), peer)};
}

UdpSocket UdpSocket::connect(const Endpoint& peer) {
    std::error_code ec;
    UdpSocket socket = connect(peer, ec);
    if (ec) detail::throw_failed("connect", peer.to_string(), ec);
    return socket;
}

// --- To and from anybody --------------------------------------------------------------------------

std::size_t UdpSocket::send_to(const Endpoint& to,
                               std::span<const std::byte> from,
                               std::error_code& ec,
                               Deadline by) {
    if (!state_) return detail::closed(ec);
    const detail::SocketAddress address{to, ec};
    if (ec) return 0;
    const auto send = [&address, from](int fd) noexcept {
        return os().send_to(fd, from.data(), from.size(), address.get(), address.size());
    };
    return state_->send("UdpSocket::send_to", send, ec, by);
}

std::size_t UdpSocket::send_to(const Endpoint& to, std::span<const std::byte> from, Deadline by) {
    std::error_code ec;
    const std::size_t n = send_to(to, from, ec, by);
    if (ec) detail::throw_failed("send_to", to.to_string(), ec);
    return n;
}

std::pair<std::size_t, Endpoint> UdpSocket::receive_from(std::span<std::byte> into,
                                                         std::error_code& ec,
                                                         Deadline by) {
    if (into.empty()) return ec.clear(), std::pair{std::size_t{0}, Endpoint{}};
    if (!state_) return {detail::closed(ec), Endpoint{}};
    detail::SocketAddress peer;
    const detail::IoCall call{"UdpSocket::receive_from", 0, [&peer, into](int fd) noexcept {
                                  return os().receive_from(
                                      fd, into.data(), into.size(), peer.get(), peer.size_to_fill());
                              }};
    const std::size_t n = state_->read(call, ec, by);
    return {n, ec ? Endpoint{} : peer.endpoint()};
}

std::pair<std::size_t, Endpoint> UdpSocket::receive_from(std::span<std::byte> into, Deadline by) {
    std::error_code ec;
    auto result = receive_from(into, ec, by);
    if (ec) detail::throw_failed_with_peer("receive_from", state_, ec);
    return result;
}

// --- To and from the peer -------------------------------------------------------------------------

std::size_t UdpSocket::send(std::span<const std::byte> from, std::error_code& ec, Deadline by) {
    if (!state_) return detail::closed(ec);
    // Not all families say so themselves.
    if (!state_->peer()) return ec = std::make_error_code(std::errc::destination_address_required), 0;
    const auto send = [from](int fd) noexcept { return os().send(fd, from.data(), from.size()); };
    return state_->send("UdpSocket::send", send, ec, by);
}

std::size_t UdpSocket::send(std::span<const std::byte> from, Deadline by) {
    std::error_code ec;
    const std::size_t n = send(from, ec, by);
    if (ec) detail::throw_failed_with_peer("send", state_, ec);
    return n;
}

std::size_t UdpSocket::receive(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    if (into.empty()) return ec.clear(), 0;
    if (!state_) return detail::closed(ec);
    const detail::IoCall call{"UdpSocket::receive", 0, [into](int fd) noexcept {
                                  return os().receive(fd, into.data(), into.size());
                              }};
    return state_->read(call, ec, by);
}

std::size_t UdpSocket::receive(std::span<std::byte> into, Deadline by) {
    std::error_code ec;
    const std::size_t n = receive(into, ec, by);
    if (ec) detail::throw_failed_with_peer("receive", state_, ec);
    return n;
}

// --- The end, and questions -----------------------------------------------------------------------

Endpoint UdpSocket::local() const {
    return detail::local_of(state_.get());
}
Endpoint UdpSocket::peer() const {
    const Endpoint* const known = state_ ? state_->peer() : nullptr;
    if (known) return *known;
    detail::throw_failed("peer", {}, state_ ? std::make_error_code(std::errc::not_connected) : Errc::closed);
}
int UdpSocket::native_handle() const noexcept {
    return state_ ? state_->fd() : -1;
}
void UdpSocket::close() noexcept {
    state_.reset();
}

}  // namespace net
}  // namespace grove
