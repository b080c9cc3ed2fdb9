#include <grove/core/greenlet.hpp>
#include <grove/core/timeout.hpp>
#include <grove/net/udp_socket.hpp>

#include "net/loopback.hpp"
#include "net/test_path.hpp"
#include "support/faulty_os.hpp"
#include "support/grove_test.hpp"
#include "support/thrown.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <ostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::spawn;
using grove::net::Datagram;
using grove::net::Endpoint;
using grove::net::ReceivedDatagram;
using grove::net::UdpSocket;

namespace {

/// Room for n datagrams of that size.
class Room {
public:
    explicit Room(std::size_t n, std::size_t size = 64) : bytes_(n * size), places(n) {
        for (std::size_t i = 0; i < n; ++i) places[i].buffer = std::span{bytes_}.subspan(i * size, size);
    }

private:
    std::vector<std::byte> bytes_;

public:
    std::vector<ReceivedDatagram> places;
};

std::string text_of(const ReceivedDatagram& received) {
    return text(received.buffer.first(received.size));
}

/// Those datagrams come, in batches however large.
std::vector<std::string> receive_all(UdpSocket& socket, std::size_t n) {
    std::vector<std::string> all;
    Room room{32};
    while (all.size() < n) {
        const std::size_t came = socket.receive_batch(room.places, patience);
        for (std::size_t i = 0; i < came; ++i) all.push_back(text_of(room.places[i]));
    }
    return all;
}

/// All of them, in as many calls as it takes.
void send_all(UdpSocket& socket, std::span<const Datagram> datagrams) {
    while (!datagrams.empty()) datagrams = datagrams.subspan(socket.send_batch(datagrams, patience));
}

}  // namespace

TEST_SUITE_BEGIN("net/udp_batch");

GROVE_TEST_REAL("a batch arrives as it was sent, each with its sender") {
    auto here = UdpSocket::bind(any_port);
    auto there = UdpSocket::bind(any_port);
    const std::array batch{Datagram{there.local(), bytes("one")},
                           Datagram{there.local(), bytes("")},
                           Datagram{there.local(), bytes("three")}};
    CHECK(here.send_batch(batch) == 3);
    Room room{8};
    REQUIRE(there.receive_batch(room.places, patience) == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(text_of(room.places[i]) == text(batch[i].bytes));
        CHECK(room.places[i].from == here.local());
        CHECK_FALSE(room.places[i].truncated);
    }
}

GROVE_TEST_REAL("each of a batch goes where it is to go") {
    auto here = UdpSocket::bind(any_port);
    auto left = UdpSocket::bind(any_port);
    auto right = UdpSocket::bind(any_port);
    const std::array batch{Datagram{left.local(), bytes("left")}, Datagram{right.local(), bytes("right")}};
    send_all(here, batch);
    CHECK(receive_all(left, 1) == std::vector<std::string>{"left"});
    CHECK(receive_all(right, 1) == std::vector<std::string>{"right"});
}

GROVE_TEST_REAL("what is more than one call takes is for the next") {
    auto there = UdpSocket::bind(any_port);
    auto here = UdpSocket::connect(there.local());
    std::vector<std::string> texts;
    std::vector<Datagram> batch;
    for (int i = 0; i < 40; ++i) texts.push_back(std::to_string(i));
    for (const auto& one : texts) batch.push_back({.bytes = bytes(one)});
    CHECK(here.send_batch(batch) == 16);
    send_all(here, std::span{batch}.subspan(16));
    CHECK(receive_all(there, 40) == texts);
}

GROVE_TEST_REAL("what is longer than its buffer is cut, and says so") {
    auto there = UdpSocket::bind(any_port);
    auto here = UdpSocket::connect(there.local());
    const std::array batch{Datagram{.bytes = bytes("long")}, Datagram{.bytes = bytes("ok")}};
    send_all(here, batch);
    Room room{2, 2};
    REQUIRE(there.receive_batch(room.places, patience) == 2);
    CHECK(text_of(room.places[0]) == "lo");
    CHECK(room.places[0].truncated);
    CHECK(text_of(room.places[1]) == "ok");
    CHECK_FALSE(room.places[1].truncated);
}

GROVE_TEST_REAL("Unix datagrams go in batches, and wait for room") {
    const TestPath path{"batch"};
    const TestPath name{"batch-sender"};
    auto there = UdpSocket::bind(path.endpoint());
    auto here = UdpSocket::bind(name.endpoint());
    const std::vector<Datagram> batch(100, Datagram{path.endpoint(), bytes("x")});
    auto sending = spawn([&] { send_all(here, batch); });
    settle();
    CHECK_FALSE(sending.ready());  // the queue of a Unix socket is short
    Room room{1};
    REQUIRE(there.receive_batch(room.places, patience) == 1);
    CHECK(room.places[0].from == name.endpoint());
    CHECK(receive_all(there, 99).size() == 99);
    sending.get();
}

GROVE_TEST_REAL("the first that cannot be sent is an error; those before it go out") {
    auto here = UdpSocket::bind(any_port);
    auto there = UdpSocket::bind(any_port);
    const std::string too_much(70'000, 'x');
    const std::array batch{Datagram{there.local(), bytes("fine")},
                           Datagram{there.local(), bytes(too_much)},
                           Datagram{Endpoint::unix_path(std::string(200, 'x')), bytes("nowhere")}};
    CHECK(here.send_batch(batch) == 1);
    CHECK(error_of([&] { here.send_batch(std::span{batch}.subspan(1)); }) ==
          "send_batch " + there.local().to_string() + ": Message too long");
    CHECK(code_of([&] { here.send_batch(std::span{batch}.subspan(2)); }) == std::errc::filename_too_long);
    CHECK(receive_all(there, 1) == std::vector<std::string>{"fine"});
}

GROVE_TEST("receiving keeps its deadline, can be timed out and killed, and ends when the socket is closed") {
    auto socket = UdpSocket::bind(any_port);
    Room room{4};
    std::error_code ec;
    CHECK(socket.receive_batch(room.places, ec, 40ms) == 0);
    CHECK(ec == std::errc::timed_out);
    CHECK_FALSE(grove::try_with_timeout(20ms, [&] { (void)socket.receive_batch(room.places); }));
    auto receiving = spawn([&] { (void)socket.receive_batch(room.places); });
    settle();
    receiving.kill();
    receiving.join();
    CHECK(receiving.killed());
    auto closed = spawn([&] { return code_of([&] { (void)socket.receive_batch(room.places); }); });
    settle();
    socket.close();
    CHECK(closed.get() == Errc::closed);
    CHECK(code_of([&] { socket.send_batch(std::vector<Datagram>(1)); }) == Errc::closed);
}

GROVE_TEST_REAL("an empty batch is done at once") {
    UdpSocket closed;
    CHECK(closed.send_batch({}) == 0);
    CHECK(closed.receive_batch({}) == 0);
}

GROVE_TEST_REAL("a system that interrupts, has no room, or takes one at a time") {
    auto there = UdpSocket::bind(any_port);
    auto here = UdpSocket::connect(there.local());
    FaultyOs system;
    system.fail(Call::send_batch, 1, EINTR, 2);
    system.fail(Call::send_batch, 3, EAGAIN);
    system.shorten(Call::send_batch, 4, 1, 2);
    system.fail(Call::receive_batch, 1, EINTR);
    system.fail(Call::receive_batch, 2, EAGAIN, 2);
    system.shorten(Call::receive_batch, 4, 1);
    const OsScope scope{system};
    const std::vector<Datagram> batch(9, Datagram{.bytes = bytes("x")});
    auto receiving = spawn([&] { return receive_all(there, 9).size(); });
    settle();
    send_all(here, batch);
    CHECK(receiving.get() == 9);
    CHECK(system.count(Call::send_batch) >= 6);
    CHECK(system.count(Call::receive_batch) >= 5);
}

GROVE_TEST_REAL("what the system says of a batch is passed on, with the peer's name") {
    auto there = UdpSocket::bind(any_port);
    auto here = UdpSocket::connect(there.local());
    FaultyOs system;
    system.fail(Call::send_batch, 1, ENOBUFS);
    system.fail(Call::receive_batch, 1, ENOMEM);
    const OsScope scope{system};
    const std::array batch{Datagram{.bytes = bytes("x")}};
    CHECK(error_of([&] { here.send_batch(batch); }) ==
          "send_batch " + there.local().to_string() + ": No buffer space available");
    Room room{1};
    CHECK(error_of([&] { (void)there.receive_batch(room.places); }) ==
          "receive_batch: Cannot allocate memory");
}

TEST_CASE("on a plain thread") {
    auto there = UdpSocket::bind(any_port);
    auto here = UdpSocket::connect(there.local());
    Room room{4};
    std::error_code ec;
    CHECK(there.receive_batch(room.places, ec, 10ms) == 0);
    CHECK(ec == std::errc::timed_out);
    const std::array batch{Datagram{.bytes = bytes("a")}, Datagram{.bytes = bytes("b")}};
    send_all(here, batch);
    CHECK(receive_all(there, 2) == std::vector<std::string>{"a", "b"});
}

TEST_SUITE_END();
