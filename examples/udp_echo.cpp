// udp_echo [--port P]: sends each datagram back to where it came from. Try it with `nc -u 127.0.0.1 7777`.
#include <grove/core/runtime.hpp>
#include <grove/net/udp_socket.hpp>

#include "program.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

using grove::net::Datagram;
using grove::net::ReceivedDatagram;
using grove::net::UdpSocket;

namespace {

constexpr std::size_t at_once = 16;
constexpr std::size_t longest = 65'536;

/// What cannot be sent to one of them is no reason to keep the others waiting: it is lost, as datagrams may
/// be.
void send_all(UdpSocket& socket, std::span<const Datagram> answers) {
    while (!answers.empty()) {
        std::error_code ec;
        const std::size_t n = socket.send_batch(answers, ec);
        answers = answers.subspan(ec ? 1 : n);
    }
}

void echo(UdpSocket& socket) {
    std::vector<std::byte> room(at_once * longest);
    std::array<ReceivedDatagram, at_once> received;
    for (std::size_t i = 0; i < at_once; ++i) {
        received[i].buffer = std::span{room}.subspan(i * longest, longest);
    }
    for (;;) {
        const std::size_t n = socket.receive_batch(received);
        std::array<Datagram, at_once> answers;
        for (std::size_t i = 0; i < n; ++i) {
            answers[i] = {received[i].from, received[i].buffer.first(received[i].size)};
        }
        send_all(socket, std::span{answers}.first(n));
    }
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Sends each datagram back to where it came from.", "udp_echo"};
    std::uint16_t port = 7777;
    add_port(app, port);
    return run_program(app, argc, argv, [&] {
        auto socket = UdpSocket::bind({grove::net::IpAddress::loopback(), port});
        announce(socket.local());
        echo(socket);
    });
}
