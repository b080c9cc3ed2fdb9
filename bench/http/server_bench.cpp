#include <grove/http/server.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/socket.hpp>

#include "support/bench.hpp"

#include <array>
#include <cstddef>
#include <string_view>

namespace {

void ask_and_read(benchmark::State& state, grove::http::Server::Handler handler, std::string_view request) {
    grove::http::Server server{grove::net::Endpoint::parse("127.0.0.1:0"), std::move(handler)};
    server.start();
    auto socket = grove::net::Socket::connect(server.endpoint());
    std::array<std::byte, 4096> answer;
    const auto ask = [&] {
        grove::write(socket, request);
        benchmark::DoNotOptimize(socket.read_some(answer));
    };
    ask();  // whatever a connection needs only once
    Counted counted{state};
    for (auto _ : state) ask();
}

}  // namespace

// A request on a kept connection, both ends in this runtime: four system calls and two switches. In a steady
// state neither the server nor the handler allocates. Compare with net/round_trip.
void server_hello(benchmark::State& state) {
    ask_and_read(
        state,
        [](grove::http::Request&, grove::http::ResponseWriter& response) {
            response.headers.set("Content-Type", "text/plain");
            response.send("Hello, world!\n");
        },
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n");
}
GROVE_BENCHMARK(server_hello);

// With a body to be read: the string it is read into is one allocation.
void server_post(benchmark::State& state) {
    ask_and_read(
        state,
        [](grove::http::Request& request, grove::http::ResponseWriter& response) {
            response.send(request.body.read_all());
        },
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length: 14\r\n\r\nHello, world!\n");
}
GROVE_BENCHMARK(server_post);
