// sse_clock [--port P] [--interval MS]: tells each client the number of every tick, as server-sent events.
// One that comes back with a Last-Event-ID goes on from there.
#include <grove/core/runtime.hpp>
#include <grove/http/server.hpp>
#include <grove/http/sse.hpp>

#include "program.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>

int main(int argc, char** argv) {
    CLI::App app{"Counts for whoever listens, by server-sent events.", "sse_clock"};
    std::uint16_t port = 8080;
    unsigned interval = 1000;
    add_port(app, port);
    app.add_option("--interval", interval, "milliseconds between two events")->capture_default_str();

    return run_program(app, argc, argv, [&] {
        const auto count = [&](grove::http::Request& request, grove::http::ResponseWriter& response) {
            grove::http::EventStream events{response};
            const std::string last{request.headers.get("last-event-id").value_or("0")};
            std::error_code gone;
            for (auto n = std::strtoull(last.c_str(), nullptr, 10) + 1; !gone; ++n) {
                events.send({.data = std::to_string(n), .event = "tick", .id = std::to_string(n)}, gone);
                grove::sleep(std::chrono::milliseconds{interval});
            }
        };
        grove::http::Server server{{grove::net::IpAddress::loopback(), port}, count};
        announce(server.endpoint());
        server.serve_forever();
    });
}
