// What lies under every socket, seen from outside: how many system calls it takes, and what happens when many
// things happen at once.

#include "io/descriptor.hpp"

#include <grove/core/gil.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/timeout.hpp>

#include "core/run_main.hpp"
#include "net/loopback.hpp"
#include "support/faulty_os.hpp"
#include "support/grove_test.hpp"

#include <atomic>
#include <chrono>
#include <ostream>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::spawn;
using grove::net::Listener;
using grove::net::Socket;

namespace {

/// The real loop, counting how often it was asked to watch.
class CountingLoop final : public grove::detail::EventLoop {
public:
    explicit CountingLoop(int& watches) : watches_{watches} {}

    bool poll(grove::Deadline by) override { return real_->poll(by); }
    void deliver() noexcept override { real_->deliver(); }
    void wake() noexcept override { real_->wake(); }
    std::error_code watch(int fd, grove::detail::FdWatch& watch) override {
        ++watches_;
        return real_->watch(fd, watch);
    }
    void rearm(int fd, grove::detail::Readiness what) noexcept override { real_->rearm(fd, what); }
    void forget(int fd) noexcept override { real_->forget(fd); }
    grove::Clock::time_point now() noexcept override { return real_->now(); }
    const char* name() const noexcept override { return real_->name(); }

private:
    std::unique_ptr<EventLoop> real_ = grove::detail::make_event_loop();
    int& watches_;
};

/// Runs f in a runtime with that loop.
template <class F>
void run_on(std::unique_ptr<grove::detail::EventLoop> loop, F f) {
    struct Body final : grove::detail::MainBody {
        explicit Body(F& g) : function{g} {}
        void call() override { function(); }
        F& function;
    } body{f};
    grove::detail::Environment environment;
    environment.loop = std::move(loop);
    grove::detail::run_main({.stop_signals = {}}, body, std::move(environment));
}

}  // namespace

TEST_SUITE_BEGIN("io/descriptor");

// --- What it costs --------------------------------------------------------------------------------

TEST_CASE("a keep-alive exchange costs one receive and one send, and the loop is asked once") {
    int watches = 0;
    run_on(std::make_unique<CountingLoop>(watches), [&] {
        auto [client, server] = tcp_pair();
        FaultyOs system;  // counts
        const OsScope scope{system};
        auto echo = spawn([&server = server] {
            while (true) {
                const auto request = read_piece(server);
                if (request.empty()) return;
                grove::write(server, request);
            }
        });
        watches = 0;
        constexpr int exchanges = 100;
        for (int i = 0; i < exchanges; ++i) {
            grove::write(client, "ping");
            const auto answer = read_piece(client);
            REQUIRE(answer == "ping");
        }
        CHECK(system.count(Call::send) == 2 * exchanges);
        // Each side fails once: the server at its very first read, before it knows.
        CHECK(system.count(Call::receive) <= 2 * exchanges + 2);
        CHECK(watches <= 2);
        client.close();
        echo.join();
    });
}

TEST_CASE("a connection that never waits is never watched") {
    int watches = 0;
    run_on(std::make_unique<CountingLoop>(watches), [&] {
        auto [left, right] = Socket::pair();
        for (int i = 0; i < 1000; ++i) {
            grove::write(left, "x");
            REQUIRE(read_piece(right) == "x");
        }
    });
    CHECK(watches == 0);
}

// --- Fairness -------------------------------------------------------------------------------------

GROVE_TEST_REAL("greenlets that do nothing but yield keep neither sockets nor timers waiting for long") {
    auto [left, right] = tcp_pair();
    bool running = true;
    std::vector<grove::Greenlet<>> busy;
    for (int i = 0; i < 3; ++i) {
        busy.push_back(spawn([&] {
            while (running) grove::yield();
        }));
    }
    const auto start = grove::Clock::now();
    grove::sleep(1ms);
    std::thread{[&left = left] { grove::write(left, "abc"); }}.join();
    CHECK(read_piece(right) == "abc");
    CHECK(grove::Clock::now() - start < 5s);
    running = false;
    grove::join_all(busy);
}

GROVE_TEST_REAL("a socket that is never empty does not starve the others") {
    auto [writer, reader] = Socket::pair();
    grove::write(writer, std::string(10'000, 'x'));
    int turns = 0;
    bool done = false;
    auto other = spawn([&] {
        while (!done) {
            ++turns;
            grove::yield();
        }
    });
    std::array<std::byte, 1> one;
    for (int i = 0; i < 10'000; ++i) grove::read(reader, one, patience);
    done = true;
    other.join();
    CHECK(turns >= 100);
}

GROVE_TEST_REAL("a greenlet that finds its socket ready does not switch") {
    auto [writer, reader] = tcp_pair();
    grove::write(writer, "abc");
    bool other_ran = false;
    auto other = spawn([&] { other_ran = true; });
    {
        const grove::NoSwitch forbidden;
        REQUIRE(read_piece(reader) == "abc");
        grove::write(reader, "def");
    }
    CHECK_FALSE(other_ran);
    other.join();
}

// --- Hang-ups -------------------------------------------------------------------------------------

GROVE_TEST_REAL("the end of the stream is found after a short read, though it was told before") {
    auto [peer, socket] = tcp_pair();
    auto reader = spawn([&socket = socket] {
        std::string all;
        for (auto piece = read_piece(socket); !piece.empty(); piece = read_piece(socket)) all += piece;
        return all;
    });
    settle();  // it waits, and its descriptor is watched
    grove::write(peer, "last words");
    peer.shutdown(grove::net::Side::write);
    CHECK(reader.get() == "last words");
}

GROVE_TEST_REAL("after the hang-up what was sent before is read to the end, in small pieces") {
    auto [peer, socket] = tcp_pair();
    std::string all;
    auto reader = spawn([&all, &socket = socket] {
        std::array<std::byte, 3> piece;
        while (const std::size_t n = socket.read_some(piece, patience))
            all += text(std::span{piece}.first(n));
    });
    settle();
    grove::write(peer, "0123456789");
    peer.close();
    reader.join();
    CHECK(all == "0123456789");
}

GROVE_TEST_REAL("one whose peer sends no more may still write, and waits for room as ever") {
    auto [peer, socket] = tcp_pair();
    peer.shutdown(grove::net::Side::write);
    fill(socket);
    auto writer = spawn([&socket = socket] { grove::write(socket, "the end", patience); });
    settle();
    CHECK_FALSE(writer.ready());
    socket.set_no_delay(true);

    std::string last;
    while (!last.ends_with("the end"))
        last = (last + read_piece(peer)).substr(last.size() > 7 ? last.size() - 7 : 0);
    CHECK(writer.join(patience));
}

// --- Many at once ---------------------------------------------------------------------------------

GROVE_TEST_REAL("a second reader is an error, a writer beside it is not") {
    auto [peer, socket] = tcp_pair();
    auto reader = spawn([&socket = socket] { return read_piece(socket); });
    settle();

    std::error_code ec;
    (void)read_piece(socket, ec);
    CHECK(ec == Errc::concurrent_use);
    grove::write(socket, "still works");

    grove::write(peer, "x");
    CHECK(reader.get() == "x");
}

GROVE_TEST_REAL("a reader that was told to go on is not overtaken") {
    auto [peer, socket] = tcp_pair();
    auto reader = spawn([&socket = socket] { return read_piece(socket); });
    settle();
    grove::write(peer, "for the first");
    auto newcomer = spawn([&socket = socket] {
        std::error_code ec;
        (void)read_piece(socket, ec);
        return ec;
    });
    CHECK(reader.get() == "for the first");
    peer.close();
    const std::error_code ec = newcomer.get();
    CHECK((ec == Errc::concurrent_use || !ec));
}

GROVE_TEST_REAL("a second writer is an error") {
    auto [peer, socket] = tcp_pair();
    fill(socket);
    auto writer = spawn([&socket = socket] {
        std::error_code ec;
        socket.write_some(bytes("x"), ec, patience);
        return ec;
    });
    settle();
    std::error_code ec;
    socket.write_some(bytes("y"), ec, patience);
    CHECK(ec == Errc::concurrent_use);
    socket.close();
    CHECK(writer.get() == Errc::closed);
}

GROVE_TEST_FIFO("greenlets that accept are served in the order they came") {
    auto listener = Listener::bind(any_port);
    std::string order;
    std::vector<grove::Greenlet<>> acceptors;
    for (char name = 'a'; name <= 'd'; ++name) {
        acceptors.push_back(spawn([&, name] {
            (void)listener.accept(patience);
            order += name;
        }));
    }
    settle();
    std::vector<Socket> clients;
    for (int i = 0; i < 4; ++i) clients.push_back(Socket::connect(listener.local(), patience));
    grove::join_all(acceptors);
    CHECK(order == "abcd");
}

GROVE_TEST_REAL("when one of those who accept is killed, the others get the connections") {
    auto listener = Listener::bind(any_port);
    int accepted = 0;
    std::vector<grove::Greenlet<>> acceptors;
    for (int i = 0; i < 3; ++i) {
        acceptors.push_back(spawn([&] {
            (void)listener.accept(patience);
            ++accepted;
        }));
    }
    settle();
    acceptors[0].kill();
    auto first = Socket::connect(listener.local(), patience);
    auto second = Socket::connect(listener.local(), patience);
    grove::join_all(acceptors);
    CHECK(acceptors[0].killed());
    CHECK(accepted == 2);
}

// --- Closing --------------------------------------------------------------------------------------

GROVE_TEST_REAL("close wakes who reads and who writes") {
    auto [peer, socket] = tcp_pair();
    fill(socket);
    std::error_code read_error;
    std::error_code write_error;
    auto reader = spawn([&, &socket = socket] { (void)read_piece(socket, read_error); });
    auto writer = spawn([&, &socket = socket] { socket.write_some(bytes("x"), write_error, patience); });
    settle();
    socket.close();
    reader.join();
    writer.join();
    CHECK(read_error == Errc::closed);
    CHECK(write_error == Errc::closed);
}

GROVE_TEST_REAL("a socket may be destroyed while greenlets wait for it") {
    auto [peer, doomed] = tcp_pair();
    auto socket = std::make_unique<Socket>(std::move(doomed));
    auto reader = spawn([pointer = socket.get()] {
        std::array<std::byte, 8> buffer;
        std::error_code ec;
        pointer->read_some(buffer, ec, patience);
        return ec;
    });
    settle();
    socket.reset();
    CHECK(reader.get() == Errc::closed);
}

GROVE_TEST_REAL("closed in the very turn in which bytes came, a reader still leaves with Errc::closed") {
    auto [peer, socket] = tcp_pair();
    auto [other_peer, other] = tcp_pair();
    std::error_code ec;
    auto closer = spawn([&, &trigger = other, &victim = socket] {
        (void)read_piece(trigger);
        victim.close();
    });
    auto reader = spawn([&, &victim = socket] { (void)read_piece(victim, ec); });
    settle();
    grove::write(other_peer, "now");  // both are told in the same turn
    grove::write(peer, "too late");
    closer.join();
    reader.join();
    // Shuffled, the reader may come first.
    CHECK((ec == Errc::closed || !ec));
}

GROVE_TEST_REAL("a number that is used again brings nothing from its former life") {
    auto [peer, socket] = tcp_pair();
    auto reader = spawn([&socket = socket] {
        std::error_code ec;
        (void)read_piece(socket, ec);
        return ec;
    });
    settle();
    const int number = socket.native_handle();
    grove::write(peer, "for the former");
    socket.close();
    std::vector<std::pair<Socket, Socket>> pairs;
    do {
        pairs.push_back(Socket::pair());
    } while (pairs.back().first.native_handle() != number && pairs.back().second.native_handle() != number);
    auto& [left, right] = pairs.back();
    std::error_code ec;
    (void)read_piece(left.native_handle() == number ? left : right, ec, 50ms);
    CHECK(ec == std::errc::timed_out);
    CHECK(reader.get() == Errc::closed);
}

// --- Deadlines ------------------------------------------------------------------------------------

GROVE_TEST_REAL("a deadline that has passed means one look, without waiting") {
    auto [peer, socket] = tcp_pair();
    const grove::NoSwitch forbidden;
    std::error_code ec;
    (void)read_piece(socket, ec, 0ms);
    CHECK(ec == std::errc::timed_out);
    grove::write(peer, "abc");
    CHECK(read_piece(socket, ec, 0ms) == "abc");
    (void)read_piece(socket, ec, 0ms);
    CHECK(ec == std::errc::timed_out);
    (void)read_piece(socket, ec, grove::Clock::time_point::min());
    CHECK(ec == std::errc::timed_out);
    grove::write(peer, "def");  // the loop has not told of it, yet it is there
    CHECK(read_piece(socket, ec, -1s) == "def");
}

GROVE_TEST_REAL("bytes that came in time are had, though the deadline passed before anybody could look") {
    auto [peer, socket] = tcp_pair();
    const grove::Deadline by = 100ms;
    auto reader = spawn([&socket = socket, by] {
        std::error_code ec;
        return read_piece(socket, ec, by);
    });
    settle();
    grove::write(peer, "in time");
    while (!by.passed()) std::this_thread::sleep_for(10ms);  // somebody computes, and nobody looks
    CHECK(reader.get() == "in time");
}

GROVE_TEST("a deadline is kept exactly") {
    auto [peer, socket] = Socket::pair();
    const auto start = grove::now();
    std::error_code ec;
    (void)read_piece(socket, ec, 70ms);
    CHECK(ec == std::errc::timed_out);
    CHECK(grove::now() - start == 70ms);
}

TEST_SUITE_END();
