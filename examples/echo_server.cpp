// echo_server [--port P]: sends back whatever it receives. Try it with `nc 127.0.0.1 7777`.
#include <grove/core/runtime.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/server.hpp>

#include "program.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <span>

using namespace std::chrono_literals;

namespace {

void echo(grove::net::Socket socket, const grove::net::Endpoint&) {
    std::array<std::byte, 4096> buffer;
    while (const auto n = socket.read_some(buffer, 30s)) {
        grove::write(socket, std::span{buffer}.first(n));
    }
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Sends back whatever it receives.", "echo_server"};
    std::uint16_t port = 7777;
    add_port(app, port);

    return run_program(app, argc, argv, [&] {
        grove::net::StreamServer server{{grove::net::IpAddress::loopback(), port}, echo};
        announce(server.endpoint());
        server.serve_forever();
    });
}
