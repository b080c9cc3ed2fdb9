#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/socket.hpp>

#include "support/bench.hpp"

#include <sys/socket.h>

#include <array>
#include <unistd.h>
#include <utility>

namespace {

using grove::net::Endpoint;
using grove::net::IpAddress;
using grove::net::Listener;
using grove::net::Socket;

std::pair<Socket, Socket> tcp_pair() {
    auto listener = Listener::bind(Endpoint{IpAddress::loopback(), 0});
    auto client = Socket::connect(listener.local());
    auto server = listener.accept();
    return {std::move(client), std::move(server)};
}

void echo(Socket& socket) {
    std::array<std::byte, 64> buffer;
    while (const std::size_t n = socket.read_some(buffer)) grove::write(socket, std::span{buffer}.first(n));
}

void ping_pong(benchmark::State& state, Socket client, Socket server) {
    auto partner = grove::spawn([&] { echo(server); });
    std::array<std::byte, 64> buffer{};
    {
        Counted counted{state};
        for (auto _ : state) {
            client.write_some(buffer);
            client.read_some(buffer);
        }
    }
    client.close();
    partner.join();
}

}  // namespace

// The floor of the next: the same two system calls, and nothing around them.
void echo_ready_bare(benchmark::State& state) {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
        return state.SkipWithError("socketpair");
    std::array<char, 64> buffer{};
    for (auto _ : state) {
        benchmark::DoNotOptimize(::send(fds[0], buffer.data(), buffer.size(), MSG_NOSIGNAL));
        benchmark::DoNotOptimize(::recv(fds[1], buffer.data(), buffer.size(), 0));
    }
    ::close(fds[0]);
    ::close(fds[1]);
}
GROVE_BENCHMARK(echo_ready_bare);

// What a write and a read cost that need not wait: two system calls, no allocation, and a yield each 64
// calls.
void echo_ready(benchmark::State& state) {
    auto [left, right] = Socket::pair();
    std::array<std::byte, 64> buffer{};
    Counted counted{state};
    for (auto _ : state) {
        left.write_some(buffer);
        right.read_some(buffer);
    }
}
GROVE_BENCHMARK(echo_ready);

// A round trip between two greenlets, each of which waits: four system calls that carry bytes, and two looks
// at the loop.
void echo_tcp(benchmark::State& state) {
    auto [client, server] = tcp_pair();
    ping_pong(state, std::move(client), std::move(server));
}
GROVE_BENCHMARK(echo_tcp);

// A short count proves nothing on a Unix socket, so each read fails once before it waits.
void echo_unix(benchmark::State& state) {
    auto [client, server] = Socket::pair();
    ping_pong(state, std::move(client), std::move(server));
}
GROVE_BENCHMARK(echo_unix);

// Connecting, accepting and closing: one allocation for each of the two sockets.
void echo_connect(benchmark::State& state) {
    auto listener = Listener::bind(Endpoint{IpAddress::loopback(), 0});
    const auto at = listener.local();
    Counted counted{state};
    for (auto _ : state) {
        auto client = Socket::connect(at);
        auto server = listener.accept();
    }
}
GROVE_BENCHMARK(echo_connect)->Iterations(5000);
