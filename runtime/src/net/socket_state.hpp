#pragma once

#include <grove/net/socket.hpp>

#include "io/descriptor.hpp"
#include "io/unique_fd.hpp"
#include "net/sockaddr.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace grove::detail {

class SocketState final : public Descriptor {
public:
    SocketState(int fd, int family, net::Endpoint peer) noexcept
        : Descriptor{fd, family == AF_UNIX ? Kind::record_stream : Kind::stream}, peer_{std::move(peer)} {}

    /// Kept, for the system forgets it when the connection breaks: just when an error has to name it.
    [[nodiscard]] const net::Endpoint& peer() const noexcept { return peer_; }
    [[nodiscard]] std::string peer_name() const { return peer_.to_string(); }

private:
    ~SocketState() override = default;
    net::Endpoint peer_;
};

/// For the other parts of net.
struct SocketAccess {
    [[nodiscard]] static net::Socket make(UniqueFd, int family, net::Endpoint peer);
    [[nodiscard]] static SocketState& state(const net::Socket& socket) noexcept { return *socket.state_; }
};

/// ec = Errc::closed, 0.
std::size_t closed(std::error_code& ec) noexcept;

/// "connect 127.0.0.1:80: Connection refused".
[[noreturn]] void throw_failed(std::string_view operation, std::string where, std::error_code);

/// Names the peer. Not of a closed socket: it may be gone.
template <class State>
[[noreturn]] void throw_failed_with_peer(const char* operation, const State& state, std::error_code ec) {
    throw_failed(operation, ec == Errc::closed ? std::string{} : state->peer_name(), ec);
}

/// type: SOCK_STREAM or SOCK_DGRAM.
[[nodiscard]] UniqueFd open_socket(int family, int type, std::error_code& ec) noexcept;
void set_option(int fd, int level, int name, int value, std::error_code& ec) noexcept;
/// The address it is bound to. Throws.
[[nodiscard]] net::Endpoint local_of(const Descriptor*);

}  // namespace grove::detail
