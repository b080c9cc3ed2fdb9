#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/io/asio.hpp>
#include <grove/net/socket.hpp>
#include <grove/sync/event.hpp>

#include "net/loopback.hpp"
#include "support/grove_test.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>
#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using namespace grove::testing;
namespace asio = boost::asio;
using asio::ip::tcp;
using grove::asio_context;
using grove::spawn;
using grove::use_greenlet;

namespace {

/// A connection within the process.
struct AsioPair {
    AsioPair() {
        tcp::acceptor acceptor{asio_context(), {asio::ip::address_v4::loopback(), 0}};
        auto connecting = spawn([&] { left.async_connect(acceptor.local_endpoint(), use_greenlet); });
        right = acceptor.async_accept(use_greenlet);
        connecting.get();
    }
    tcp::socket left{asio_context()};
    tcp::socket right{asio_context()};
};

}  // namespace

TEST_SUITE_BEGIN("io/asio");

// --- Results ----------------------------------------------------------------------------------------

GROVE_TEST_REAL("a timer of Asio's blocks the greenlet, and others run") {
    const auto start = grove::Clock::now();
    asio::steady_timer timer{asio_context(), 20ms};
    int ticks = 0;
    auto ticker = spawn([&] {
        for (;; ++ticks) grove::yield();
    });
    timer.async_wait(use_greenlet);
    CHECK(grove::Clock::now() - start >= 20ms);
    CHECK(ticks > 0);
    ticker.kill();
    ticker.join();
}

GROVE_TEST_REAL("composed operations read and write, and give their counts") {
    AsioPair pair;
    auto echo = spawn([&] {
        std::array<char, 5> text{};
        CHECK(asio::async_read(pair.right, asio::buffer(text), use_greenlet) == 5);
        CHECK(asio::async_write(pair.right, asio::buffer(text), use_greenlet) == 5);
    });
    CHECK(asio::async_write(pair.left, asio::buffer(std::string{"hello"}), use_greenlet) == 5);
    std::array<char, 5> text{};
    CHECK(asio::async_read(pair.left, asio::buffer(text), use_greenlet) == 5);
    CHECK(std::string(text.data(), text.size()) == "hello");
    echo.get();
}

GROVE_TEST_REAL("an error is thrown, or put where the caller wants it") {
    AsioPair pair;
    pair.left.close();
    std::array<char, 5> text{};
    boost::system::error_code ec;
    CHECK(asio::async_read(pair.right, asio::buffer(text), use_greenlet[ec]) == 0);
    CHECK(ec == asio::error::eof);
    CHECK_THROWS_AS(asio::async_read(pair.right, asio::buffer(text), use_greenlet), std::system_error);
}

GROVE_TEST_REAL("a name is resolved by Asio's own thread, which wakes us") {
    tcp::resolver resolver{asio_context()};
    const auto results = resolver.async_resolve("127.0.0.1", "80", use_greenlet);
    CHECK(results.begin()->endpoint().port() == 80);
}

GROVE_TEST_REAL("a completion may come from another pool") {
    asio::thread_pool pool{1};
    asio::post(pool, use_greenlet);
    pool.join();
}

GROVE_TEST_REAL("a descriptor of any kind") {
    int fds[2];
    REQUIRE(::pipe(fds) == 0);
    asio::posix::stream_descriptor from{asio_context(), fds[0]}, to{asio_context(), fds[1]};
    std::array<char, 5> text{};
    auto reader = spawn([&] { return asio::async_read(from, asio::buffer(text), use_greenlet); });
    settle();
    CHECK_FALSE(reader.ready());
    asio::async_write(to, asio::buffer(std::string{"piped"}), use_greenlet);
    CHECK(reader.get() == 5);
}

// --- Handlers ---------------------------------------------------------------------------------------

GROVE_TEST_REAL("what is posted runs soon, from a greenlet or another thread") {
    grove::Event here, there;
    asio::io_context& context = asio_context();
    asio::post(context, [&] { here.set(); });
    CHECK(here.wait(patience));
    std::thread thread{[&] { asio::post(context, [&] { there.set(); }); }};
    CHECK(there.wait(patience));
    thread.join();
}

GROVE_TEST_REAL("handlers that give each other work without end do not keep greenlets and timers waiting") {
    bool running = true;
    std::function<void()> again = [&] {
        if (running) asio::post(asio_context(), again);
    };
    again();
    grove::Event timer_fired;
    const auto timed = spawn([&] {
        grove::sleep(1ms);
        timer_fired.set();
    });
    CHECK(timer_fired.wait(patience));
    running = false;
    settle();
}

GROVE_TEST_REAL("a handler that throws is logged, and the others run") {
    grove::Event after;
    asio::post(asio_context(), [] { throw std::runtime_error{"on purpose"}; });
    asio::post(asio_context(), [&] { after.set(); });
    CHECK(after.wait(patience));
}

GROVE_TEST_REAL("a handler that waits keeps the report of deadlock away, none brings it") {
    grove::Event event;
    asio::steady_timer timer{asio_context(), 20ms};
    timer.async_wait([&](const boost::system::error_code&) { event.set(); });
    event.wait();
    event.clear();
    CHECK_THROWS_AS(event.wait(), grove::WouldBlockForever);
}

// --- Kill and Timeout -------------------------------------------------------------------------------

GROVE_TEST_REAL("a kill cancels the operation, and the object stays of use") {
    AsioPair pair;
    auto reader = spawn([&] {
        std::array<char, 5> text{};
        asio::async_read(pair.right, asio::buffer(text), use_greenlet);
    });
    settle();
    reader.kill();
    reader.join();
    CHECK(reader.killed());
    asio::async_write(pair.left, asio::buffer(std::string{"again"}), use_greenlet);
    std::array<char, 5> text{};
    CHECK(asio::async_read(pair.right, asio::buffer(text), use_greenlet) == 5);
}

GROVE_TEST_REAL("a time limit cancels it, too") {
    asio::steady_timer timer{asio_context(), 10s};
    const auto start = grove::Clock::now();
    CHECK_FALSE(grove::try_with_timeout(10ms, [&] { timer.async_wait(use_greenlet); }));
    CHECK(grove::Clock::now() - start < 5s);
}

GROVE_TEST_REAL("an operation that is destroyed ends the wait") {
    auto timer = std::make_unique<asio::steady_timer>(asio_context(), 10s);
    auto waiting = spawn([&] {
        std::error_code ec;
        timer->async_wait(use_greenlet[ec]);
        return ec;
    });
    settle();
    timer.reset();
    CHECK(waiting.get() == std::errc::operation_canceled);
}

TEST_CASE("outside of a runtime there is no context") {
    CHECK_THROWS_AS((void)asio_context(), std::logic_error);
}

// --- The other way round ----------------------------------------------------------------------------

GROVE_TEST_REAL("a grove stream is a stream for Asio's synchronous functions") {
    auto [left, right] = grove::net::Socket::pair();
    grove::AsioStream ours{std::move(left)};
    auto echo = spawn([&right = right] {
        std::array<std::byte, 64> buffer{};
        const std::size_t n = right.read_some(buffer);
        grove::write(right, std::span{buffer}.first(n));
        right.close();
    });
    CHECK(asio::write(ours, asio::buffer(std::string{"there"})) == 5);
    std::array<char, 5> text{};
    CHECK(asio::read(ours, asio::buffer(text)) == 5);
    CHECK(std::string(text.data(), text.size()) == "there");
    boost::system::error_code ec;
    CHECK(asio::read(ours, asio::buffer(text), ec) == 0);
    CHECK(ec == asio::error::eof);
    echo.get();

    auto [silent, peer] = grove::net::Socket::pair();
    grove::AsioStream impatient{std::move(silent)};
    impatient.expires_after(5ms);
    CHECK(asio::read(impatient, asio::buffer(text), ec) == 0);
    CHECK(ec == std::errc::timed_out);
}

TEST_SUITE_END();
