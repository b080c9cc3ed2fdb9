#include <grove/net/select.hpp>
#include <grove/net/socket.hpp>

#include "net/socket_state.hpp"

#include <sys/socket.h>

namespace grove {

namespace detail {

class UdpState final : public Descriptor {
public:
    explicit UdpState(int fd) noexcept : Descriptor{fd, Kind::datagrams} {}

private:
    ~UdpState() override = default;
};

Descriptor& ReadinessAccess::descriptor(const net::UdpSocket& socket) {
    if (!socket) throw std::system_error{Errc::closed, "select"};
    return *socket.state_;
}

}  // namespace detail

namespace net {

using detail::checked;
using detail::os;

UdpSocket::UdpSocket() noexcept = default;
UdpSocket::UdpSocket(detail::UdpState* state) noexcept : state_{state} {}
UdpSocket::UdpSocket(UdpSocket&&) noexcept = default;
UdpSocket& UdpSocket::operator=(UdpSocket&&) noexcept = default;
UdpSocket::~UdpSocket() = default;

UdpSocket UdpSocket::bind(const Endpoint& at, std::error_code& ec) {
    const detail::SocketAddress address{at, ec};
    if (!ec && at.is_unix()) ec = std::make_error_code(std::errc::address_family_not_supported);
    if (ec) return {};
    detail::UniqueFd fd = detail::open_socket(address.family(), SOCK_DGRAM, ec);
    if (!ec) checked(os().bind(fd.get(), address.get(), address.size()), ec);
    if (ec) return {};
    UdpSocket socket{new detail::UdpState{fd.get()}};
    (void)fd.release();
    return socket;
}

UdpSocket UdpSocket::bind(const Endpoint& at) {
    std::error_code ec;
    UdpSocket socket = bind(at, ec);
    if (ec) detail::throw_failed("bind", at.to_string(), ec);
    return socket;
}

std::size_t UdpSocket::send_to(const Endpoint& to,
                               std::span<const std::byte> from,
                               std::error_code& ec,
                               Deadline by) {
    if (!state_) return detail::closed(ec);
    const detail::SocketAddress address{to, ec};
    if (ec) return 0;
    const detail::IoCall call{"UdpSocket::send_to", 0, [&address, from](int fd) noexcept {
                                  return os().send_to(
                                      fd, from.data(), from.size(), address.get(), address.size());
                              }};
    return state_->write(call, ec, by);
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
    if (ec) detail::throw_failed("receive_from", {}, ec);
    return result;
}

Endpoint UdpSocket::local() const {
    return detail::local_of(state_.get());
}
int UdpSocket::native_handle() const noexcept {
    return state_ ? state_->fd() : -1;
}
void UdpSocket::close() noexcept {
    state_.reset();
}

}  // namespace net
}  // namespace grove
