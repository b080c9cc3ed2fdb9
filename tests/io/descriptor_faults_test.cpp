// Descriptors among kills, faults, other threads and other runtimes.

#include <grove/core/gil.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/timeout.hpp>

#include "net/loopback.hpp"
#include "support/faulty_os.hpp"
#include "support/grove_test.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <ostream>
#include <thread>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::spawn;
using grove::net::Socket;

TEST_SUITE_BEGIN("io/descriptor_faults");

// --- Kill and Timeout -----------------------------------------------------------------------------

GROVE_TEST_REAL("a killed reader leaves, and the socket is whole") {
    auto [peer, socket] = tcp_pair();
    auto reader = spawn([&socket = socket] { (void)read_piece(socket); });
    settle();
    reader.kill();
    reader.join();
    CHECK(reader.killed());
    grove::write(peer, "for the next");
    CHECK(read_piece(socket) == "for the next");
}

GROVE_TEST_FIFO("a reader killed in the turn in which its bytes came gets them first") {
    auto [peer, socket] = tcp_pair();
    auto [trigger, triggered] = tcp_pair();
    std::string got;
    grove::Greenlet<> reader;
    auto killer = spawn([&, &from = triggered] {
        (void)read_piece(from);
        CHECK(got.empty());
        reader.kill();
    });
    reader = spawn([&, &from = socket] {
        got = read_piece(from);
        grove::sleep(patience);
    });
    settle();
    grove::write(trigger, "first");  // both are told in one turn, and the killer runs first
    grove::write(peer, "not lost");
    reader.join();
    CHECK(reader.killed());
    CHECK(got == "not lost");
}

GROVE_TEST_REAL("a killed writer leaves, and the socket is whole") {
    auto [peer, socket] = tcp_pair();
    fill(socket);
    auto writer = spawn([&socket = socket] { grove::write(socket, "x", patience); });
    settle();
    writer.kill();
    writer.join();
    CHECK(writer.killed());
    auto drain = spawn([&peer = peer] {
        while (!read_piece(peer).empty()) {
        }
    });
    grove::write(socket, "x", patience);
    socket.close();
    CHECK(drain.join(patience));
}

GROVE_TEST_REAL("a kill reaches a greenlet whose socket is never empty") {
    auto [left, right] = Socket::pair();
    int rounds = 0;
    auto busy = spawn([&, &to = left, &from = right] {
        while (true) {
            grove::write(to, "x");
            (void)read_piece(from);
            ++rounds;
        }
    });
    settle();
    busy.kill();
    busy.join();
    CHECK(busy.killed());
    CHECK(rounds > 0);
}

GROVE_TEST("a Timeout ends a read") {
    auto [peer, socket] = Socket::pair();
    const bool in_time = grove::try_with_timeout(30ms, [&socket = socket] { (void)read_piece(socket, {}); });
    CHECK_FALSE(in_time);
    grove::write(peer, "later");
    CHECK(read_piece(socket) == "later");
}

// --- Faults of the system -------------------------------------------------------------------------

GROVE_TEST_REAL("EINTR is nobody's business") {
    auto [peer, socket] = tcp_pair();
    FaultyOs system;
    system.fail(Call::receive, 1, EINTR, 3);
    system.fail(Call::send, 1, EINTR, 3);
    const OsScope scope{system};
    grove::write(peer, "abc");
    CHECK(read_piece(socket) == "abc");
}

GROVE_TEST_REAL("a read told to go on that finds nothing waits again") {
    auto [peer, socket] = tcp_pair();
    auto reader = spawn([&socket = socket] { return read_piece(socket); });
    settle();
    FaultyOs system;
    system.fail(Call::receive, 1, EAGAIN, 2);
    const OsScope scope{system};
    grove::write(peer, "third time");
    CHECK(reader.get() == "third time");
}

GROVE_TEST_REAL("whatever the system cuts short arrives whole") {
    auto [peer, socket] = tcp_pair();
    FaultyOs system;
    system.shorten(Call::receive, 1, 1, 100);
    system.shorten(Call::send, 3, 2, 10);
    system.fail(Call::send, 6, EAGAIN, 2);
    system.fail(Call::receive, 9, EAGAIN, 2);
    const OsScope scope{system};
    const std::string message = "one byte at a time, and two at a time";
    auto writer = spawn([&, &to = peer] {
        for (const char c : message) grove::write(to, std::string_view{&c, 1});
        grove::write(to, message);
    });
    std::string got(2 * message.size(), ' ');
    grove::read(socket, std::as_writable_bytes(std::span{got}), patience);
    writer.join();
    CHECK(got == message + message);
}

GROVE_TEST_REAL("a failure in the middle of a transfer is told as it is, and names the peer") {
    auto [peer, socket] = tcp_pair();
    FaultyOs system;
    system.fail(Call::receive, 2, ECONNRESET);
    const OsScope scope{system};
    grove::write(peer, "abc");
    CHECK(read_piece(socket) == "abc");
    std::array<std::byte, 8> buffer;
    std::string what;
    grove::write(peer, "def");
    try {
        socket.read_some(buffer, patience);
    } catch (const std::system_error& error) {
        what = error.what();
    }
    CHECK(what == "read " + peer.local().to_string() + ": Connection reset by peer");
}

// --- Plain threads --------------------------------------------------------------------------------

TEST_CASE("plain threads need no runtime") {
    auto [left, right] = Socket::pair();
    std::thread echo{[&socket = right] {
        while (true) {
            const auto piece = read_piece(socket);
            if (piece.empty()) return;
            grove::write(socket, piece);
        }
    }};
    for (int i = 0; i < 100; ++i) {
        grove::write(left, "ping");
        CHECK(read_piece(left) == "ping");
    }
    left.close();
    echo.join();
}

TEST_CASE("on a plain thread deadlines hold, and what has passed is one look") {
    auto [left, right] = Socket::pair();
    std::error_code ec;
    const auto start = grove::Clock::now();
    (void)read_piece(left, ec, 30ms);
    CHECK(ec == std::errc::timed_out);
    CHECK(grove::Clock::now() - start >= 30ms);
    (void)read_piece(left, ec, 0ms);
    CHECK(ec == std::errc::timed_out);
    (void)read_piece(left, ec, grove::Clock::time_point::min());
    CHECK(ec == std::errc::timed_out);
    fill(left);
    left.write_some(bytes("x"), ec, 10ms);
    CHECK(ec == std::errc::timed_out);
    (void)right;
}

GROVE_TEST_REAL("a greenlet reads while a plain thread writes on the same socket") {
    auto [peer, socket] = tcp_pair();
    std::atomic<bool> done{false};
    std::thread writer{[&, &to = socket] {
        for (int i = 0; i < 1000; ++i) grove::write(to, "x");
        done = true;
    }};
    auto reader = spawn([&socket = socket] { return read_piece(socket); });
    std::string got(1000, ' ');
    grove::read(peer, std::as_writable_bytes(std::span{got}), patience);
    grove::write(peer, "y");
    CHECK(reader.get() == "y");
    grove::allow_threads([&] { writer.join(); });
    CHECK(done);
}

GROVE_TEST_REAL("a thread that waits for a socket lets go of the Gil") {
    auto [peer, socket] = tcp_pair();
    std::atomic<bool> holds{false};
    std::thread thread{[&, &from = socket, runtime = grove::this_runtime()] {
        const std::scoped_lock held{runtime.gil()};
        holds = true;
        (void)read_piece(from);
        CHECK(runtime.gil().held_here());
    }};
    while (!holds) grove::sleep(1ms);
    grove::yield();  // we got it back: it waits without it
    grove::write(peer, "x");
    grove::allow_threads([&] { thread.join(); });
}

GROVE_TEST_REAL("a socket that a greenlet has waited for may be closed by a plain thread") {
    auto [peer, socket] = tcp_pair();
    auto reader = spawn([&socket = socket] {
        std::error_code ec;
        (void)read_piece(socket, ec);
        return ec;
    });
    settle();
    std::thread closer{[&socket = socket] { socket.close(); }};
    CHECK(reader.get() == Errc::closed);
    grove::allow_threads([&] { closer.join(); });
}

// --- Runtimes come and go -------------------------------------------------------------------------

TEST_CASE("a socket outlives the runtime that watched it, and serves in the next") {
    Socket left;
    Socket right;
    for (int i = 0; i < 3; ++i) {
        grove::run([&] {
            if (!left) std::tie(left, right) = tcp_pair();
            auto reader = spawn([&] { return read_piece(right); });
            settle();
            grove::write(left, "again");
            CHECK(reader.get() == "again");
        });
    }
    grove::write(left, "and on a plain thread");
    CHECK(read_piece(right) == "and on a plain thread");
}

TEST_CASE("a plain thread may close a watched socket while the runtime ends") {
    for (int i = 0; i < 20; ++i) {
        std::thread closer;
        grove::run([&] {
            auto [left, right] = tcp_pair();
            std::error_code ec;
            (void)read_piece(right, ec, 1ms);
            closer = std::thread{[socket = std::move(right)]() mutable { socket.close(); }};
        });
        closer.join();
    }
}

TEST_SUITE_END();
