#include <grove/net/udp_socket.hpp>

#include "support/bench.hpp"

#include <array>
#include <cstddef>
#include <span>

namespace {

using grove::net::Datagram;
using grove::net::Endpoint;
using grove::net::IpAddress;
using grove::net::ReceivedDatagram;
using grove::net::UdpSocket;

constexpr std::size_t datagrams = 16;
constexpr std::size_t size = 64;
using Bytes = std::array<std::byte, size>;

const Endpoint any_port{IpAddress::loopback(), 0};

}  // namespace

// Sixteen datagrams there, one by one: 32 system calls.
void udp_single(benchmark::State& state) {
    auto receiver = UdpSocket::bind(any_port);
    auto sender = UdpSocket::connect(receiver.local());
    Bytes bytes{};
    Counted counted{state};
    for (auto _ : state) {
        for (std::size_t i = 0; i < datagrams; ++i) sender.send(bytes);
        for (std::size_t i = 0; i < datagrams; ++i) receiver.receive_from(bytes);
    }
    show_each(state, "datagram", datagrams);
}
GROVE_BENCHMARK(udp_single);

// The same in batches: two system calls. What is left is the way through the network.
void udp_batch(benchmark::State& state) {
    auto receiver = UdpSocket::bind(any_port);
    auto sender = UdpSocket::connect(receiver.local());
    std::array<Bytes, datagrams> bytes{};
    std::array<Datagram, datagrams> sent;
    std::array<ReceivedDatagram, datagrams> received;
    for (std::size_t i = 0; i < datagrams; ++i) {
        sent[i].bytes = bytes[i];
        received[i].buffer = bytes[i];
    }
    Counted counted{state};
    for (auto _ : state) {
        sender.send_batch(sent);
        receiver.receive_batch(received);
    }
    show_each(state, "datagram", datagrams);
}
GROVE_BENCHMARK(udp_batch);
