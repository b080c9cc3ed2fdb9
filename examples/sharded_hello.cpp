// sharded_hello [--port P] [--shards N]: a hello server on several cores, a runtime for each. What belongs to
// all, here a count, lives in the first shard: the others call() it there.
#include <grove/http/server.hpp>
#include <grove/net/sharded.hpp>

#include "program.hpp"

#include <cstdint>
#include <string>
#include <utility>

int main(int argc, char** argv) {
    CLI::App app{"Answers on several cores; /count says how many were asked for it.", "sharded_hello"};
    std::uint16_t port = 8080;
    std::size_t shards = 2;
    add_port(app, port);
    app.add_option("--shards", shards, "runtimes")->capture_default_str()->check(CLI::Range(1, 1024));

    return call_program(app, argc, argv, [&] {
        auto listeners = grove::net::bind_sharded(shards, {grove::net::IpAddress::loopback(), port});
        announce(listeners.front().local());
        int count = 0;  // the first shard's own: no lock
        const auto handler_of = [&count](grove::Shard shard) {
            return [shard, &count](grove::http::Request& request, grove::http::ResponseWriter& response) {
                if (request.target != "/count") return response.send("Hello, World!");
                const int now = shard.runtime(0).call([&count] { return ++count; });
                response.send(std::to_string(now));
            };
        };
        grove::net::serve_sharded<grove::http::Server>(std::move(listeners), handler_of);
    });
}
