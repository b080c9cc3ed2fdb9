// tls_echo --certificate FILE [--key FILE] [--port P]: sends back whatever it receives, under TLS. Try it
// with `openssl s_client -connect 127.0.0.1:7443 -CAfile FILE`.
#include <grove/core/runtime.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/server.hpp>
#include <grove/net/tls.hpp>

#include "program.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <utility>

using namespace std::chrono_literals;

namespace {

void echo(grove::net::Socket plain, const grove::net::TlsContext& context) {
    auto socket = grove::net::TlsSocket::server(std::move(plain), context, 10s);
    std::array<std::byte, 4096> buffer;
    while (const auto n = socket.read_some(buffer, 30s)) {
        grove::write(socket, std::span{buffer}.first(n), 30s);
    }
    socket.shutdown(10s);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Sends back whatever it receives, under TLS.", "tls_echo"};
    std::uint16_t port = 7443;
    grove::net::TlsServerOptions options{.alpn = {"http/1.1"}};
    add_port(app, port);
    app.add_option("--certificate", options.certificate_file, "PEM file: the server's, then its issuers'")
        ->required();
    app.add_option("--key", options.key_file, "PEM file; if not given, the key is in the certificate's");

    return run_program(app, argc, argv, [&] {
        auto context = grove::net::TlsContext::server(options);
        grove::net::StreamServer server{{grove::net::IpAddress::loopback(), port},
                                        [&](grove::net::Socket socket, const grove::net::Endpoint&) {
                                            echo(std::move(socket), context);
                                        }};
        announce(server.endpoint());
        server.serve_forever();
    });
}
