#pragma once

#include <grove/io/stream.hpp>
#include <grove/net/socket.hpp>

#include "support/bytes.hpp"
#include "support/settle.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

// What tests of sockets need again and again.

namespace grove::testing {

/// Long enough never to be what ends a wait, on the slowest machine; and not for ever.
inline constexpr std::chrono::seconds patience{20};

inline const net::Endpoint any_port{net::IpAddress::loopback(), 0};

/// The two ends of a connection to that port: the client's, the server's.
[[nodiscard]] inline std::pair<net::Socket, net::Socket> connection_to(net::Listener& listener) {
    auto client = net::Socket::connect(listener.local(), patience);
    auto server = listener.accept(patience);
    return {std::move(client), std::move(server)};
}

/// The two ends of a TCP connection.
[[nodiscard]] inline std::pair<net::Socket, net::Socket> tcp_pair() {
    auto listener = net::Listener::bind(any_port);
    return connection_to(listener);
}

/// What one read_some brings.
[[nodiscard]] std::string read_piece(ReadStream auto& stream, std::error_code& ec, Deadline by = patience) {
    std::array<std::byte, 256> buffer;
    const std::size_t n = stream.read_some(buffer, ec, by);
    return text(std::span{buffer}.first(n));
}

[[nodiscard]] std::string read_piece(ReadStream auto& stream, Deadline by = patience) {
    std::error_code ec;
    auto piece = read_piece(stream, ec, by);
    if (ec) throw std::system_error{ec};
    return piece;
}

/// Writes until the socket takes no more, so that the next write has to wait.
inline void fill(net::Socket& socket) {
    const std::string much(1 << 16, 'x');
    std::error_code ec;
    while (!ec) socket.write_some(bytes(much), ec, std::chrono::milliseconds{0});
}

}  // namespace grove::testing
