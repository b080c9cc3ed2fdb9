// port_forwarder --to-port Q [--to-host H] [--port P]: passes each connection on to another port, both ways.
// Try it with `port_forwarder --to-port 80` and `curl http://127.0.0.1:7777/`.
#include <grove/core/runtime.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/server.hpp>
#include <grove/sync/group.hpp>

#include "program.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using grove::net::Endpoint;
using grove::net::Side;
using grove::net::Socket;

namespace {

/// Until the sender has finished, which the receiver is told.
void relay(Socket& from, Socket& to) {
    std::vector<std::byte> buffer(64 * 1024);
    while (const std::size_t n = from.read_some(buffer)) grove::write(to, std::span{buffer}.first(n));
    to.shutdown(Side::write);
}

/// If one direction breaks, so does the other.
void forward(Socket client, const std::string& host, std::uint16_t port) {
    auto server = Socket::connect(host, port, 10s);
    grove::TaskGroup group;
    group.spawn([&] { relay(client, server); });
    group.spawn([&] { relay(server, client); });
    group.join();
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Passes each connection on to another port, both ways.", "port_forwarder"};
    std::uint16_t port = 7777;
    std::uint16_t to_port = 0;
    std::string to_host = "localhost";
    add_port(app, port);
    app.add_option("--to-host", to_host, "where connections are passed on to")->capture_default_str();
    app.add_option("--to-port", to_port, "port there")->required()->check(CLI::Range(1, 65535));
    return run_program(app, argc, argv, [&] {
        const auto handle = [&](Socket client, const Endpoint&) {
            forward(std::move(client), to_host, to_port);
        };
        grove::net::StreamServer server{{grove::net::IpAddress::loopback(), port}, handle};
        announce(server.endpoint());
        server.serve_forever();
    });
}
