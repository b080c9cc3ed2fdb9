#include <grove/core/greenlet.hpp>
#include <grove/core/timeout.hpp>
#include <grove/net/udp_socket.hpp>

#include "net/loopback.hpp"
#include "net/test_path.hpp"
#include "support/grove_test.hpp"
#include "support/thrown.hpp"

#include <chrono>
#include <filesystem>
#include <ostream>
#include <thread>
#include <unistd.h>

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
    CHECK(error_of([&] { socket.send_to(Endpoint::parse("127.0.0.1:9"), bytes(too_much)); }) ==
          "send_to 127.0.0.1:9: Message too long");

    std::error_code ec;
    (void)UdpSocket::bind(socket.local(), ec);
    CHECK(ec == std::errc::address_in_use);
}

// --- Connected ------------------------------------------------------------------------------------

GROVE_TEST_REAL("a connected socket hears its peer alone") {
    auto server = UdpSocket::bind(any_port);
    auto stranger = UdpSocket::bind(any_port);
    auto client = UdpSocket::connect(server.local());
    CHECK(client.peer() == server.local());
    CHECK(client.send(bytes("ask")) == 3);
    std::array<std::byte, 16> buffer;
    const auto [n, from] = server.receive_from(buffer, patience);
    CHECK(n == 3);
    CHECK(from == client.local());

    stranger.send_to(from, bytes("stranger"));
    server.send_to(from, bytes("answer"));
    CHECK(client.receive(buffer, patience) == 6);
    CHECK(text(std::span{buffer}.first(6)) == "answer");
}

GROVE_TEST_REAL("that nobody receives is told by a later call, also to one who waits") {
    auto gone = UdpSocket::bind(any_port);
    const auto at = gone.local();
    auto client = UdpSocket::connect(at);
    gone.close();
    auto waiting = spawn([&] {
        std::array<std::byte, 16> buffer;
        return error_of([&] { (void)client.receive(buffer, patience); });
    });
    settle();
    client.send(bytes("anybody there?"), patience);
    CHECK(waiting.get() == "receive " + at.to_string() + ": Connection refused");
}

GROVE_TEST_REAL("without a peer there is nobody to send to") {
    auto socket = UdpSocket::bind(any_port);
    CHECK(code_of([&] { socket.send(bytes("x")); }) == std::errc::destination_address_required);
    CHECK(code_of([&] { (void)socket.peer(); }) == std::errc::not_connected);
    socket.close();
    CHECK(code_of([&] { socket.send(bytes("x")); }) == Errc::closed);
    CHECK(code_of([&] { (void)socket.peer(); }) == Errc::closed);
    std::array<std::byte, 4> buffer;
    CHECK(code_of([&] { (void)socket.receive(buffer); }) == Errc::closed);
}

// --- Unix -----------------------------------------------------------------------------------------

GROVE_TEST_REAL("Unix datagrams find their way by path, back by the sender's, and the files go") {
    const TestPath server_path{"dgram-server"};
    const TestPath client_path{"dgram-client"};
    {
        auto server = UdpSocket::bind(server_path.endpoint());
        auto client = UdpSocket::bind(client_path.endpoint());
        CHECK(client.send_to(server.local(), bytes("ask")) == 3);
        std::array<std::byte, 16> buffer;
        const auto [n, from] = server.receive_from(buffer, patience);
        CHECK(text(std::span{buffer}.first(n)) == "ask");
        CHECK(from == client_path.endpoint());
        server.send_to(from, bytes("answer"));
        CHECK(client.receive_from(buffer, patience).first == 6);
        CHECK(code_of([&] { (void)UdpSocket::bind(server_path.endpoint()); }) == std::errc::address_in_use);
    }
    CHECK_FALSE(server_path.exists());
    CHECK_FALSE(client_path.exists());
}

GROVE_TEST_REAL("a connected Unix socket has a name, so it gets an answer") {
    const TestPath path{"dgram"};
    auto server = UdpSocket::bind(path.endpoint());
    auto client = UdpSocket::connect(path.endpoint());
    client.send(bytes("ask"));
    std::array<std::byte, 16> buffer;
    const auto from = server.receive_from(buffer, patience).second;
    CHECK(from == client.local());
    server.send_to(from, bytes("answer"));
    CHECK(client.receive(buffer, patience) == 6);
}

GROVE_TEST_REAL("a Unix datagram too long to send, or to receive") {
    const TestPath path{"dgram"};
    auto server = UdpSocket::bind(path.endpoint());
    auto client = UdpSocket::connect(path.endpoint());
    const std::string too_much(4 << 20, 'x');
    CHECK(error_of([&] { client.send(bytes(too_much)); }) ==
          "send " + path.endpoint().to_string() + ": Message too long");
    client.send(bytes("0123456789"));
    std::array<std::byte, 4> buffer;
    CHECK(server.receive_from(buffer, patience).first == 4);
    client.send(bytes("next"));
    CHECK(server.receive_from(buffer, patience).first == 4);
    CHECK(text(buffer) == "next");
}

GROVE_TEST_REAL("a Unix peer that is missing, dead or gone") {
    const TestPath path{"dgram"};
    CHECK(code_of([&] { (void)UdpSocket::connect(path.endpoint()); }) ==
          std::errc::no_such_file_or_directory);
    CHECK(code_of([&] { (void)UdpSocket::connect(Endpoint::unix_path(std::string(200, 'x'))); }) ==
          std::errc::filename_too_long);
    auto server = UdpSocket::bind(path.endpoint());
    auto client = UdpSocket::connect(path.endpoint());
    std::filesystem::create_hard_link(path.path(), path.path().string() + "-dead");
    const TestPath dead{"dgram-dead"};
    server.close();
    CHECK(code_of([&] { client.send(bytes("x")); }) == std::errc::connection_refused);
    CHECK(error_of([&] { client.send_to(dead.endpoint(), bytes("x")); }) ==
          "send_to " + dead.endpoint().to_string() + ": Connection refused");

    // Who comes after the dead takes the place.
    auto heir = UdpSocket::bind(dead.endpoint());
    client.send_to(dead.endpoint(), bytes("x"), patience);
    std::array<std::byte, 4> buffer;
    CHECK(heir.receive_from(buffer, patience).first == 1);
}

GROVE_TEST_REAL("a listener's file is not taken by datagrams") {
    const TestPath path{"stream"};
    const auto listener = grove::net::Listener::bind(path.endpoint());
    CHECK(code_of([&] { (void)UdpSocket::bind(path.endpoint()); }) == std::errc::address_in_use);
    CHECK(path.exists());
}

namespace {

/// Sends until the receiver's queue is full; how many it took.
int fill(UdpSocket& sender, const Endpoint& to) {
    std::error_code ec;
    int sent = 0;
    for (; !ec; ++sent) sender.send_to(to, bytes("x"), ec, 0ms);
    CHECK(ec == std::errc::timed_out);
    return sent - 1;
}

}  // namespace

GROVE_TEST_REAL("a Unix sender waits while the receiver's queue is full, connected or not") {
    const TestPath path{"dgram"};
    const TestPath other_path{"dgram-other"};
    auto server = UdpSocket::bind(path.endpoint());
    auto other = UdpSocket::bind(other_path.endpoint());
    auto filler = UdpSocket::bind(Endpoint::unix_path("@grove-test-filler-" + std::to_string(::getpid())));
    auto client = UdpSocket::bind(Endpoint::unix_path("@grove-test-client-" + std::to_string(::getpid())));
    auto connected = UdpSocket::connect(path.endpoint());
    const int queued = fill(filler, path.endpoint());
    std::error_code ec;
    for (auto* const socket : {&client, &connected}) {
        socket->send_to(path.endpoint(), bytes("y"), ec, 10ms);
        CHECK(ec == std::errc::timed_out);
    }
    CHECK_FALSE(grove::try_with_timeout(10ms, [&] { client.send_to(path.endpoint(), bytes("y")); }));
    // One receiver that is full does not keep another from what is his.
    client.send_to(other_path.endpoint(), bytes("z"), ec, 0ms);
    CHECK_FALSE(ec);

    auto sending = spawn([&] { client.send_to(path.endpoint(), bytes("y"), patience); });
    auto sending_connected = spawn([&] { connected.send(bytes("y"), patience); });
    settle();
    CHECK_FALSE(sending.ready());
    CHECK_FALSE(sending_connected.ready());
    std::array<std::byte, 4> buffer;
    for (int i = 0; i < queued + 2; ++i) CHECK(server.receive_from(buffer, patience).first == 1);
    sending.get();
    sending_connected.get();
}

GROVE_TEST_REAL("closing wakes who waits for a full receiver") {
    const TestPath path{"dgram"};
    auto server = UdpSocket::bind(path.endpoint());
    auto client = UdpSocket::bind(Endpoint::unix_path("@grove-test-client-" + std::to_string(::getpid())));
    fill(client, path.endpoint());
    auto sending = spawn([&] {
        std::error_code ec;
        client.send_to(path.endpoint(), bytes("y"), ec);
        return ec;
    });
    settle();
    client.close();
    CHECK(sending.get() == Errc::closed);
}

// --- Without a runtime ----------------------------------------------------------------------------

TEST_CASE("a plain thread waits for a full receiver, too") {
    const TestPath path{"dgram"};
    auto server = UdpSocket::bind(path.endpoint());
    auto client = UdpSocket::bind(Endpoint::unix_path("@grove-test-client-" + std::to_string(::getpid())));
    const int queued = fill(client, path.endpoint());
    std::thread reader{[&] {
        std::array<std::byte, 4> buffer;
        for (int i = 0; i < queued + 1; ++i) (void)server.receive_from(buffer, patience);
    }};
    CHECK(client.send_to(path.endpoint(), bytes("y"), patience) == 1);
    reader.join();
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
