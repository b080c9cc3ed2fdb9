// workers_hello [--port P] [--workers N]: a hello server in several processes, which a master starts,
// replaces when they crash, and changes for new ones at a SIGHUP. Try it: `kill -9` a worker, `kill -HUP` the
// master under load.
#include <grove/http/server.hpp>
#include <grove/net/workers.hpp>

#include "program.hpp"

#include <cstdint>
#include <string>
#include <unistd.h>
#include <utility>

using grove::http::Request;
using grove::http::ResponseWriter;

namespace {

void answer(const grove::net::Worker& worker, const Request& request, ResponseWriter& response) {
    if (request.target != "/who") return response.send("Hello, World!");
    response.send("worker " + std::to_string(worker.index()) + " of generation " +
                  std::to_string(worker.generation()) + ", pid " + std::to_string(::getpid()));
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Answers from several processes; /who says which.", "workers_hello"};
    std::uint16_t port = 8080;
    grove::net::WorkersOptions options{.name = "hello"};
    add_port(app, port);
    app.add_option("--workers", options.count, "processes; 0: one per core")->capture_default_str();
    bool shared = false;
    app.add_flag("--shared", shared, "one listener for all workers, instead of one for each");

    return call_program(app, argc, argv, [&] {
        if (shared) options.listening = grove::net::Listening::shared;
        options.endpoints = {{grove::net::IpAddress::loopback(), port}};
        grove::net::run_workers(options, [](grove::net::Worker& worker) {
            const auto endpoint = worker.listener().local();
            grove::http::Server server{
                std::move(worker.listener()),
                [&worker](Request& request, ResponseWriter& response) { answer(worker, request, response); }};
            if (worker.index() == 0 && worker.generation() == 1) announce(endpoint);
            worker.serve(server);
        });
    });
}
