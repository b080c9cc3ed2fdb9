#pragma once

#include <grove/core/greenlet.hpp>
#include <grove/net/tls.hpp>

#include "net/certificates.hpp"
#include "net/loopback.hpp"

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

// Two ends of a connection under TLS, for its tests.

namespace grove::testing {

/// Whom the clients of the tests trust, and nobody else.
[[nodiscard]] inline const Authority& authority() {
    static const Authority made{"Test Authority"};
    return made;
}

/// A certificate for localhost and 127.0.0.1.
[[nodiscard]] inline const Files& good_files() {
    static const Files made = authority().issue("good");
    return made;
}

[[nodiscard]] inline net::TlsContext server_with(const Files& files) {
    return net::TlsContext::server({.certificate_file = files.certificate, .key_file = files.key});
}

[[nodiscard]] inline net::TlsContext good_server() {
    return server_with(good_files());
}

[[nodiscard]] inline net::TlsClientOptions trusting() {
    return {.ca_file = authority().file(), .use_system_store = false};
}

/// What came of a handshake, at both ends.
struct Handshake {
    net::TlsSocket client;
    net::TlsSocket server;
    std::error_code client_ec;
    std::error_code server_ec;
};

[[nodiscard]] inline Handshake shake_hands(const net::TlsContext& client,
                                           const net::TlsContext& server,
                                           std::string_view host = "localhost",
                                           std::pair<net::Socket, net::Socket> plain = tcp_pair()) {
    Handshake made;
    auto other = spawn([&] {
        made.server = net::TlsSocket::server(std::move(plain.second), server, made.server_ec, patience);
    });
    made.client = net::TlsSocket::client(std::move(plain.first), client, host, made.client_ec, patience);
    other.join();
    return made;
}

/// The usual two ends.
[[nodiscard]] inline std::pair<net::TlsSocket, net::TlsSocket> tls_pair() {
    auto made = shake_hands(net::TlsContext::client(trusting()), good_server());
    if (made.client_ec || made.server_ec)
        throw std::system_error{made.client_ec ? made.client_ec : made.server_ec};
    return {std::move(made.client), std::move(made.server)};
}

}  // namespace grove::testing
