#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/select.hpp>

#include "net/loopback.hpp"
#include "support/grove_test.hpp"
#include "support/thrown.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <string>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::Event;
using grove::on_readable;
using grove::on_set;
using grove::on_time;
using grove::on_writable;
using grove::select;
using grove::spawn;
using grove::net::Socket;
using grove::net::UdpSocket;

TEST_SUITE_BEGIN("net/select");

GROVE_TEST_REAL("a socket with bytes, or room, or an end, is ready at once") {
    auto [left, right] = Socket::pair();
    Event never;
    CHECK_FALSE(grove::try_select(on_readable(right)));
    CHECK(select(on_readable(right), on_writable(right)) == 1);
    grove::write(left, "abc");
    CHECK(select(on_set(never), on_readable(right)) == 1);
    std::array<std::byte, 16> buffer{};
    CHECK(right.read_some(buffer) == 3);
    CHECK_FALSE(grove::try_select(on_readable(right)));
    left.close();
    CHECK(select(on_set(never), on_readable(right)) == 1);
    CHECK(right.read_some(buffer) == 0);
}

GROVE_TEST_REAL("bytes that come end the wait, again and again") {
    auto [left, right] = Socket::pair();
    Event stop;
    std::string got;
    auto reader = spawn([&, &right = right] {
        bool running = true;
        while (running) {
            select(on_readable(right, [&] { got += read_piece(right); }),
                   on_set(stop, [&] { running = false; }));
        }
    });
    std::string sent;
    for (const auto* word : {"one ", "two ", "three"}) {
        settle();
        grove::write(left, word);
        sent += word;
        while (got != sent) grove::yield();
    }
    stop.set();
    reader.join();
}

GROVE_TEST_REAL("when something else is chosen, the next read gets the bytes") {
    auto [left, right] = Socket::pair();
    Event event;
    auto selecting = spawn([&, &right = right] { return select(on_readable(right), on_set(event)); });
    settle();
    event.set();
    CHECK(selecting.get() == 1);
    grove::write(left, "later");
    std::array<std::byte, 16> buffer{};
    CHECK(right.read_some(buffer, 1s) == 5);
}

GROVE_TEST_REAL("when it is chosen and nobody reads, the next read does") {
    auto [left, right] = Socket::pair();
    Event never;
    auto selecting = spawn([&, &right = right] { return select(on_readable(right), on_set(never)); });
    settle();
    grove::write(left, "there");
    CHECK(selecting.get() == 0);
    CHECK(select(on_readable(right), on_set(never)) == 0);
    std::array<std::byte, 16> buffer{};
    CHECK(right.read_some(buffer, 1s) == 5);
}

GROVE_TEST_REAL("a full socket becomes writable when the peer reads") {
    auto [left, right] = Socket::pair();
    fill(left);
    Event never;
    auto selecting = spawn([&, &left = left] { return select(on_set(never), on_writable(left)); });
    settle();
    CHECK_FALSE(selecting.ready());
    std::vector<std::byte> sink(1 << 20);
    (void)right.read_some(sink);
    CHECK(selecting.get() == 1);
}

GROVE_TEST_REAL("closing the socket ends the wait, and the caller sees it closed") {
    auto [left, right] = Socket::pair();
    Event never;
    auto selecting = spawn([&, &right = right] { return select(on_set(never), on_readable(right)); });
    settle();
    right.close();
    CHECK(selecting.get() == 1);
    CHECK(code_of([&right = right] { (void)on_readable(right); }) == Errc::closed);
}

GROVE_TEST_REAL("two readers of one socket are refused") {
    auto [left, right] = Socket::pair();
    auto selecting = spawn([&right = right] { select(on_readable(right), on_time(10s)); });
    settle();
    std::error_code ec;
    std::array<std::byte, 16> buffer{};
    (void)right.read_some(buffer, ec, 1s);
    CHECK(ec == Errc::concurrent_use);
    CHECK(code_of([&right = right] { select(on_readable(right), on_time(1s)); }) == Errc::concurrent_use);
    selecting.kill();
    selecting.join();
    grove::write(left, "free again");
    CHECK(right.read_some(buffer, 1s) == 10);
}

GROVE_TEST_REAL("a datagram is waited for like bytes, and a deadline ends the wait") {
    auto receiver = UdpSocket::bind(any_port);
    auto sender = UdpSocket::bind(any_port);
    CHECK(select(on_readable(receiver), on_time(10ms)) == 1);
    sender.send_to(receiver.local(), bytes("hello"));
    CHECK(select(on_readable(receiver), on_time(5s)) == 0);
}

TEST_SUITE_END();
