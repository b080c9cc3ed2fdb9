#include <grove/core/greenlet.hpp>
#include <grove/core/timeout.hpp>
#include <grove/net/socket.hpp>

#include "net/loopback.hpp"
#include "support/faulty_os.hpp"
#include "support/grove_test.hpp"

#include <chrono>
#include <ostream>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::spawn;
using grove::net::Endpoint;
using grove::net::UdpSocket;

TEST_SUITE_BEGIN("net/udp_socket");

GROVE_TEST_REAL("a datagram arrives with its sender") {
    auto here = UdpSocket::bind(any_port);
    auto there = UdpSocket::bind(any_port);
    CHECK(here.send_to(there.local(), bytes("hello")) == 5);
    std::array<std::byte, 64> buffer;
    const auto [n, from] = there.receive_from(buffer, patience);
    CHECK(text(std::span{buffer}.first(n)) == "hello");
    CHECK(from == here.local());
}

GROVE_TEST_REAL("one call is one datagram, and what does not fit is cut") {
    auto here = UdpSocket::bind(any_port);
    auto there = UdpSocket::bind(any_port);
    here.send_to(there.local(), bytes("0123456789"));
    here.send_to(there.local(), bytes(""));
    here.send_to(there.local(), bytes("next"));
    std::array<std::byte, 4> buffer;
    CHECK(there.receive_from(buffer, patience).first == 4);
    CHECK(there.receive_from(buffer, patience).first == 0);
    const auto last = there.receive_from(buffer, patience).first;
    CHECK(text(std::span{buffer}.first(last)) == "next");
}

GROVE_TEST_REAL("receive_from waits for each of many") {
    auto here = UdpSocket::bind(any_port);
    auto there = UdpSocket::bind(any_port);
    auto receiver = spawn([&] {
        std::array<std::byte, 64> buffer;
        std::size_t sum = 0;
        for (int i = 0; i < 100; ++i) sum += there.receive_from(buffer, patience).first;
        return sum;
    });
    for (int i = 0; i < 100; ++i) {
        here.send_to(there.local(), bytes("x"));
        if (i % 10 == 0) grove::sleep(1ms);
    }
    CHECK(receiver.get() == 100);
}

GROVE_TEST("receive_from keeps its deadline, and can be timed out") {
    auto socket = UdpSocket::bind(any_port);
    std::array<std::byte, 8> buffer;
    std::error_code ec;
    CHECK(socket.receive_from(buffer, ec, 40ms).first == 0);
    CHECK(ec == std::errc::timed_out);
    const bool in_time = grove::try_with_timeout(20ms, [&] { (void)socket.receive_from(buffer); });
    CHECK_FALSE(in_time);
}

GROVE_TEST_REAL("closing wakes who receives") {
    auto socket = UdpSocket::bind(any_port);
    auto receiver = spawn([&] {
        std::array<std::byte, 8> buffer;
        std::error_code ec;
        (void)socket.receive_from(buffer, ec);
        return ec;
    });
    settle();
    socket.close();
    CHECK(receiver.get() == Errc::closed);
    std::array<std::byte, 8> buffer;
    std::error_code ec;
    (void)socket.receive_from(buffer, ec);
    CHECK(ec == Errc::closed);
    CHECK(socket.send_to(any_port, bytes("x"), ec) == 0);
    CHECK(ec == Errc::closed);
}

GROVE_TEST_REAL("reading into nothing returns at once") {
    auto socket = UdpSocket::bind(any_port);
    CHECK(socket.receive_from({}).first == 0);
}

GROVE_TEST_REAL("errors name the operation and the peer") {
    auto socket = UdpSocket::bind(any_port);
    const std::string too_much(70'000, 'x');
    std::string what;
    try {
        socket.send_to(Endpoint::parse("127.0.0.1:9"), bytes(too_much));
    } catch (const std::system_error& error) {
        what = error.what();
    }
    CHECK(what == "send_to 127.0.0.1:9: Message too long");

    std::error_code ec;
    (void)UdpSocket::bind(socket.local(), ec);
    CHECK(ec == std::errc::address_in_use);
    (void)UdpSocket::bind(Endpoint::parse("unix:/nowhere"), ec);
    CHECK(ec == std::errc::address_family_not_supported);
}

TEST_CASE("plain threads need no runtime") {
    auto here = UdpSocket::bind(any_port);
    auto there = UdpSocket::bind(any_port);
    std::array<std::byte, 8> buffer;
    std::error_code ec;
    (void)there.receive_from(buffer, ec, 10ms);
    CHECK(ec == std::errc::timed_out);
    here.send_to(there.local(), bytes("x"));
    CHECK(there.receive_from(buffer, patience).first == 1);
}

TEST_SUITE_END();
