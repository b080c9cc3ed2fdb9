// port_forwarder --to-port Q [--to-host H] [--port P] [--idle-timeout SECONDS]: passes each connection on to
// another port, both ways, and ends it when nothing has moved for a while. Try it with
// `port_forwarder --to-port 80` and `curl http://127.0.0.1:7777/`.
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

struct Destination {
    std::string host = "localhost";
    std::uint16_t port = 0;
    unsigned idle_timeout = 300;  // seconds
};

/// Until the sender has finished, which the receiver is told. Notes when something moved last.
void relay(Socket& from, Socket& to, grove::Clock::time_point& moved) {
    std::vector<std::byte> buffer(64 * 1024);
    while (const std::size_t n = from.read_some(buffer)) {
        moved = grove::now();
        grove::write(to, std::span{buffer}.first(n));
        moved = grove::now();
    }
    to.shutdown(Side::write);
}

/// If one direction breaks, so does the other. One may be silent for as long as the other is not.
void forward(Socket client, const Destination& destination) {
    auto server = Socket::connect(destination.host, destination.port, 10s);
    auto moved = grove::now();
    grove::TaskGroup group;
    group.spawn([&] { relay(client, server, moved); });
    group.spawn([&] { relay(server, client, moved); });
    const std::chrono::seconds limit{destination.idle_timeout};
    while (!group.join(moved + limit)) {
        if (grove::now() >= moved + limit) return;  // the end of the group ends both
    }
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Passes each connection on to another port, both ways.", "port_forwarder"};
    std::uint16_t port = 7777;
    Destination to;
    add_port(app, port);
    app.add_option("--to-host", to.host, "where connections are passed on to")->capture_default_str();
    app.add_option("--to-port", to.port, "port there")->required()->check(CLI::Range(1, 65535));
    app.add_option("--idle-timeout", to.idle_timeout, "seconds without a byte that end a connection")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    return run_program(app, argc, argv, [&] {
        const auto handle = [&](Socket client, const Endpoint&) { forward(std::move(client), to); };
        grove::net::StreamServer server{{grove::net::IpAddress::loopback(), port}, handle};
        announce(server.endpoint());
        server.serve_forever();
    });
}
