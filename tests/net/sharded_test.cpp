#include <grove/http/client.hpp>
#include <grove/http/server.hpp>
#include <grove/net/sharded.hpp>
#include <grove/sync/shared_queue.hpp>

#include "net/loopback.hpp"
#include "net/test_path.hpp"
#include "support/grove_test.hpp"

#include <array>
#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Shard;
using grove::net::bind_sharded;
using grove::net::Endpoint;
using grove::net::serve_sharded;
using grove::net::Socket;

namespace {

/// What a handler throws to its own shard's main, so that serve_sharded() ends.
struct Enough : std::exception {};

/// Serves on a thread, until the clients are done.
template <class Server, class Handler>
void serve_while(std::size_t n, const Endpoint& at, const Handler& handler, auto&& clients) {
    auto listeners = bind_sharded(n, at);
    const Endpoint endpoint = listeners.front().local();
    std::atomic<bool> enough{false};
    std::thread server{[&] {
        const auto watched = [&](Shard shard) {
            if (shard.index() == 0) {
                grove::spawn({.daemon = true}, [main = grove::current(), &enough] {
                    while (!enough) grove::sleep(1ms);
                    main.kill(std::make_exception_ptr(Enough{}));
                });
            }
            if constexpr (std::invocable<const Handler&, Shard>) {
                return handler(shard);
            } else {
                return handler;
            }
        };
        CHECK_THROWS_AS(serve_sharded<Server>(std::move(listeners), watched), Enough);
    }};
    grove::run([&] { clients(endpoint); });
    enough = true;
    server.join();
}

auto says_its_shard(Shard shard) {
    return [name = std::to_string(shard.index())](Socket socket, const Endpoint&) {
        grove::write(socket, name);
    };
}

std::string what_comes(const Endpoint& from) {
    auto socket = Socket::connect(from, patience);
    return read_piece(socket);
}

}  // namespace

TEST_SUITE_BEGIN("net/sharded");

GROVE_TEST_REAL("listeners of one endpoint share its port, whatever it is") {
    const auto listeners = bind_sharded(3, any_port);
    REQUIRE(listeners.size() == 3);
    CHECK(listeners[0].local().port() != 0);
    CHECK(listeners[1].local() == listeners[0].local());
    CHECK(listeners[2].local() == listeners[0].local());
    CHECK(bind_sharded(0, any_port).size() == std::thread::hardware_concurrency());
    CHECK_THROWS_AS(grove::net::serve_sharded({}, [](grove::net::Socket, const Endpoint&) {}),
                    std::invalid_argument);
    for (const auto& taken : {grove::net::Listener::bind(any_port).local(), listeners[0].local()}) {
        const auto others = grove::net::Listener::bind(taken, {.reuse_port = true});
        CHECK_THROWS_AS((void)bind_sharded(2, taken), std::system_error);
        CHECK(bind_sharded(2, taken, {.reuse_port = true}).size() == 2);
    }
}

TEST_CASE("new connections go to all shards, each with a handler of its own") {
    serve_while<grove::net::StreamServer>(2, any_port, says_its_shard, [](const Endpoint& at) {
        std::string who;
        // Each falls to either by a hash: all of 200 to one would be a wonder.
        for (int i = 0; i < 200; ++i) who += what_comes(at);
        CHECK(who.size() == 200);
        CHECK(who.find('0') != who.npos);
        CHECK(who.find('1') != who.npos);
    });
}

TEST_CASE("shards share a Unix socket, and its file goes with them") {
    const TestPath path{"sharded.sock"};
    serve_while<grove::net::StreamServer>(2, path.endpoint(), says_its_shard, [](const Endpoint& at) {
        for (int i = 0; i < 20; ++i) CHECK(what_comes(at).size() == 1);
    });
    CHECK_FALSE(path.exists());
}

TEST_CASE("an HTTP server is sharded as a StreamServer is") {
    const auto hello = [](grove::http::Request&, grove::http::ResponseWriter& response) {
        response.send("Hello");
    };
    serve_while<grove::http::Server>(2, any_port, hello, [](const Endpoint& at) {
        grove::http::Client client;
        CHECK(client.get("http://" + at.to_string() + "/", patience).body == "Hello");
    });
}

TEST_CASE("two runtimes close each other's sockets at the same time") {
    constexpr int sockets = 500;
    std::array<grove::SharedQueue<Socket>, 2> for_shard;
    std::atomic<int> closed{0};
    grove::run_sharded(2, [&](Shard shard) {
        const auto sender = grove::spawn([&, others = 1 - shard.index()] {
            for (int i = 0; i < sockets; ++i) {
                auto [kept, given] = Socket::pair();
                std::error_code ec;
                std::array<std::byte, 1> nothing;
                (void)given.read_some(nothing, ec, 1us);  // from now on this runtime watches it
                for_shard[others].put(std::move(given));
            }
        });
        for (int i = 0; i < sockets; ++i) {
            (void)for_shard[shard.index()].get();
            ++closed;
        }
    });
    CHECK(closed == 2 * sockets);
}

TEST_SUITE_END();
