#include <grove/core/runtime.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/dns.hpp>
#include <grove/net/select.hpp>
#include <grove/net/socket.hpp>

#include "core/greenlet_internal.hpp"
#include "io/io_vector.hpp"
#include "net/connect_race.hpp"
#include "net/socket_state.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace grove {

using namespace std::chrono_literals;

// --- What all sockets need ------------------------------------------------------------------------

namespace detail {

Descriptor& ReadinessAccess::descriptor(const net::Socket& socket) {
    if (!socket) throw std::system_error{Errc::closed, "select"};
    return *socket.state_;
}

std::size_t closed(std::error_code& ec) noexcept {
    ec = Errc::closed;
    return 0;
}

void throw_failed(std::string_view operation, std::string where, std::error_code ec) {
    if (where.ends_with(':')) where.pop_back();  // a Unix socket without a name
    throw std::system_error{ec, std::string{operation} + (where.empty() ? "" : " ") + where};
}

UniqueFd open_socket(int family, int type, std::error_code& ec) noexcept {
    return UniqueFd{checked(os().socket(family, type, 0), ec)};
}

void set_option(int fd, int level, int name, int value, std::error_code& ec) noexcept {
    checked(os().set_option(fd, level, name, &value, sizeof value), ec);
}

net::Endpoint local_of(const Descriptor* descriptor) {
    std::error_code ec = Errc::closed;
    SocketAddress address;
    if (descriptor) checked(os().local_name(descriptor->fd(), address.get(), address.size_to_fill()), ec);
    if (ec) throw_failed("local", {}, ec);
    return address.endpoint();
}

net::Socket SocketAccess::make(UniqueFd fd, int family, net::Endpoint peer) {
    auto* const state = new SocketState{fd.get(), family, std::move(peer)};
    (void)fd.release();
    return net::Socket{state};
}

namespace {

/// Until a connection is made or refused, connect() says so again each time it is asked.
ssize_t connect_result(int result) noexcept {
    switch (-result) {
        case EINPROGRESS:
        case EALREADY:
            return -EAGAIN;
        case EISCONN:
            return 0;
        default:
            return result;
    }
}

/// A Unix listener whose backlog is full answers EAGAIN, and nobody tells when there is room again.
void connect_unix(int fd, const SocketAddress& address, std::error_code& ec, Deadline by) {
    constexpr auto longest_pause = 50ms;
    for (auto pause = 1ms;; pause = std::min(2 * pause, longest_pause)) {
        checked(os().connect(fd, address.get(), address.size()), ec);
        if (ec != std::errc::resource_unavailable_try_again) return;
        if (by.passed()) break;
        sleep(std::min(by, Deadline{pause}));
    }
    ec = std::make_error_code(std::errc::timed_out);
}

/// The time for the next of so many attempts: an equal share of what is left, but one that allows for a lost
/// packet.
Deadline share_of(Deadline by, std::size_t attempts) {
    constexpr Clock::duration shortest = 2s;
    if (by.is_never()) return by;
    const auto now = fresh_now();
    const auto share = std::max((by.at() - now) / static_cast<Clock::rep>(attempts), shortest);
    return std::min(by, Deadline{now + share});
}

std::string host_and_port(std::string_view host, std::uint16_t port) {
    return std::string{host} + ":" + std::to_string(port);
}

}  // namespace
}  // namespace detail

namespace net {

static_assert(ReadStream<Socket> && WriteStream<Socket>);

using detail::checked;
using detail::os;
using detail::SocketAccess;

Socket::Socket() noexcept = default;
Socket::Socket(detail::SocketState* state) noexcept : state_{state} {}
Socket::Socket(Socket&&) noexcept = default;
Socket& Socket::operator=(Socket&&) noexcept = default;
Socket::~Socket() = default;

// --- Making one -----------------------------------------------------------------------------------

Socket Socket::connect(const Endpoint& to, std::error_code& ec, Deadline by) {
    const detail::SocketAddress address{to, ec};
    if (ec) return {};
    detail::UniqueFd made = detail::open_socket(address.family(), SOCK_STREAM, ec);
    if (ec) return {};
    Socket socket = SocketAccess::make(std::move(made), address.family(), to);
    if (to.is_unix()) {
        detail::connect_unix(socket.native_handle(), address, ec, by);
    } else {
        const detail::IoCall call{
            "Socket::connect", 0, [&address](int fd) noexcept {
                return detail::connect_result(os().connect(fd, address.get(), address.size()));
            }};
        detail::set_option(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, 1, ec);
        if (ec) return {};
        socket.state_->write(call, ec, by);
    }
    return ec ? Socket{} : std::move(socket);
}

Socket Socket::connect(const Endpoint& to, Deadline by) {
    std::error_code ec;
    Socket socket = connect(to, ec, by);
    if (ec) detail::throw_failed("connect", to.to_string(), ec);
    return socket;
}

Socket Socket::connect(std::string_view host, std::uint16_t port, std::error_code& ec, Deadline by) {
    const auto addresses = resolve(host, ec, by);
    if (addresses.size() > 1 && detail::running_greenlet) {
        return detail::ConnectRace{addresses, port, by}.run(ec);
    }
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        Socket socket = connect({addresses[i], port}, ec, detail::share_of(by, addresses.size() - i));
        if (!ec) return socket;
    }
    return {};
}

Socket Socket::connect(std::string_view host, std::uint16_t port, Deadline by) {
    std::error_code ec;
    Socket socket = connect(host, port, ec, by);
    if (ec) detail::throw_failed("connect", detail::host_and_port(host, port), ec);
    return socket;
}

std::pair<Socket, Socket> Socket::pair() {
    int fds[2];
    std::error_code ec;
    checked(os().socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ec);
    if (ec) detail::throw_failed("socketpair", {}, ec);
    detail::UniqueFd first{fds[0]};
    detail::UniqueFd second{fds[1]};
    return {SocketAccess::make(std::move(first), AF_UNIX, Endpoint::unix_path({})),
            SocketAccess::make(std::move(second), AF_UNIX, Endpoint::unix_path({}))};
}

Socket Socket::adopt(int fd) {
    detail::UniqueFd ours{fd};
    int family = AF_UNSPEC;
    socklen_t size = sizeof family;
    detail::SocketAddress peer;
    std::error_code ec;
    (void)os().get_option(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
    (void)os().peer_name(fd, peer.get(), peer.size_to_fill());
    checked(os().set_non_blocking(fd, true), ec);
    if (ec) detail::throw_failed("adopt", {}, ec);
    return SocketAccess::make(std::move(ours), family, peer.endpoint());
}

// --- Reading and writing --------------------------------------------------------------------------

std::size_t Socket::read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    if (into.empty()) return ec.clear(), 0;
    if (!state_) return detail::closed(ec);
    const detail::IoCall call{"Socket::read_some", into.size(), [into](int fd) noexcept {
                                  return os().receive(fd, into.data(), into.size());
                              }};
    return state_->read(call, ec, by);
}

std::size_t Socket::read_some(std::span<std::byte> into, Deadline by) {
    std::error_code ec;
    const std::size_t n = read_some(into, ec, by);
    if (ec) detail::throw_failed_with_peer("read", state_, ec);
    return n;
}

std::size_t Socket::write_some(std::span<const std::byte> from, std::error_code& ec, Deadline by) {
    if (from.empty()) return ec.clear(), 0;
    if (!state_) return detail::closed(ec);
    const detail::IoCall call{"Socket::write_some", from.size(), [from](int fd) noexcept {
                                  return os().send(fd, from.data(), from.size());
                              }};
    return state_->write(call, ec, by);
}

std::size_t Socket::write_some(std::span<const std::byte> from, Deadline by) {
    std::error_code ec;
    const std::size_t n = write_some(from, ec, by);
    if (ec) detail::throw_failed_with_peer("write", state_, ec);
    return n;
}

std::size_t Socket::write_some(std::span<const std::span<const std::byte>> pieces,
                               std::error_code& ec,
                               Deadline by) {
    const detail::IoVector all{pieces};
    if (all.size() == 0) return ec.clear(), 0;
    if (!state_) return detail::closed(ec);
    const detail::IoCall call{"Socket::write_some", all.size(), [&all](int fd) noexcept {
                                  return os().send_vector(fd, all.parts(), all.count());
                              }};
    return state_->write(call, ec, by);
}

std::size_t Socket::write_some(std::span<const std::span<const std::byte>> pieces, Deadline by) {
    std::error_code ec;
    const std::size_t n = write_some(pieces, ec, by);
    if (ec) detail::throw_failed_with_peer("write", state_, ec);
    return n;
}

// --- The end, and questions -----------------------------------------------------------------------

void Socket::shutdown(Side side, std::error_code& ec) {
    const int how = side == Side::read ? SHUT_RD : side == Side::write ? SHUT_WR : SHUT_RDWR;
    if (state_) {
        checked(os().shutdown(state_->fd(), how), ec);
    } else {
        detail::closed(ec);
    }
}

void Socket::shutdown(Side side) {
    std::error_code ec;
    shutdown(side, ec);
    if (ec) detail::throw_failed_with_peer("shutdown", state_, ec);
}

void Socket::close() noexcept {
    state_.reset();
}

Endpoint Socket::local() const {
    return detail::local_of(state_.get());
}

Endpoint Socket::peer() const {
    if (!state_) detail::throw_failed("peer", {}, Errc::closed);
    return state_->peer();
}

int Socket::native_handle() const noexcept {
    return state_ ? state_->fd() : -1;
}

int Socket::release() noexcept {
    const int fd = state_ ? state_->release() : -1;
    state_.reset();
    return fd;
}

}  // namespace net
}  // namespace grove
