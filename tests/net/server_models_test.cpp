// The same handlers as greenlets, as OS threads, and as OS threads under the Gil.

#include <grove/core/gil.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/net/server.hpp>

#include "net/captured_log.hpp"
#include "net/loopback.hpp"
#include "support/grove_test.hpp"

#include <atomic>
#include <barrier>
#include <chrono>
#include <mutex>
#include <optional>
#include <ostream>
#include <set>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::net::Endpoint;
using grove::net::Model;
using grove::net::Socket;
using grove::net::StreamServer;

namespace {

constexpr Model all_models[] = {Model::greenlets, Model::threads, Model::gil_threads};

void echo(Socket socket, const Endpoint&) {
    while (true) {
        const auto piece = read_piece(socket, {});
        if (piece.empty()) return;
        grove::write(socket, piece);
    }
}

Socket connect_to(const StreamServer& server) {
    return Socket::connect(server.endpoint(), patience);
}

std::string ask(Socket& socket, std::string_view question) {
    grove::write(socket, question);
    return read_piece(socket);
}

void wait_for_connections(const StreamServer& server, std::size_t n) {
    while (server.connections() != n) grove::sleep(1ms);
}

}  // namespace

TEST_SUITE_BEGIN("net/server_models");

GROVE_TEST_REAL("one handler works in every model") {
    for (const Model model : all_models) {
        StreamServer server{any_port, echo, {.model = model}};
        server.start();
        std::vector<Socket> clients;
        for (int i = 0; i < 20; ++i) clients.push_back(connect_to(server));
        for (int round = 0; round < 10; ++round) {
            for (auto& client : clients) CHECK(ask(client, "hello") == "hello");
        }
        CHECK(server.connections() == 20);
        clients.clear();
        wait_for_connections(server, 0);
    }
}

GROVE_TEST_REAL("threads are threads, and greenlets are none") {
    for (const Model model : all_models) {
        std::mutex mutex;
        std::set<std::thread::id> threads;
        StreamServer server{any_port,
                            [&](Socket socket, const Endpoint&) {
                                {
                                    const std::scoped_lock lock{mutex};
                                    threads.insert(std::this_thread::get_id());
                                }
                                (void)read_piece(socket, {});
                            },
                            {.model = model}};
        server.start();
        std::vector<Socket> clients;
        for (int i = 0; i < 3; ++i) clients.push_back(connect_to(server));
        wait_for_connections(server, 3);
        server.stop();
        CHECK(threads.size() == (model == Model::greenlets ? 1 : 3));
        CHECK(threads.contains(std::this_thread::get_id()) == (model == Model::greenlets));
    }
}

GROVE_TEST_REAL("threads run at the same time") {
    std::barrier meet{2};
    StreamServer server{any_port,
                        [&](Socket socket, const Endpoint&) {
                            meet.arrive_and_wait();  // blocks the thread
                            grove::write(socket, "met");
                        },
                        {.model = Model::threads}};
    server.start();
    auto first = connect_to(server);
    auto second = connect_to(server);
    CHECK(read_piece(first) == "met");
    CHECK(read_piece(second) == "met");
}

GROVE_TEST_REAL("under the Gil one thread runs at a time, and lets go while it waits") {
    int counter = 0;  // the Gil protects it
    std::atomic<bool> held{true};
    StreamServer server{any_port,
                        [&](Socket socket, const Endpoint&) {
                            while (!read_piece(socket, {}).empty()) {
                                held = held && grove::gil().held_here();
                                const int before = counter;
                                std::this_thread::yield();
                                counter = before + 1;
                                grove::write(socket, "x");
                            }
                        },
                        {.model = Model::gil_threads}};
    server.start();
    std::vector<Socket> clients;
    for (int i = 0; i < 8; ++i) clients.push_back(connect_to(server));
    for (int round = 0; round < 50; ++round) {
        for (auto& client : clients) grove::write(client, "?");
        for (auto& client : clients) CHECK(read_piece(client) == "x");
    }
    CHECK(counter == 8 * 50);
    CHECK(held);
}

GROVE_TEST_REAL("what a handler offloads runs without the Gil in every model, and may take it") {
    for (const Model model : all_models) {
        StreamServer server{any_port,
                            [](Socket socket, const Endpoint&) {
                                const bool free = grove::offload([] {
                                    if (grove::gil().held_here()) return false;
                                    const std::scoped_lock held{grove::gil()};
                                    return true;
                                });
                                grove::write(socket, free ? "free" : "held");
                            },
                            {.model = model}};
        server.start();
        auto client = connect_to(server);
        CHECK(read_piece(client) == "free");
    }
}

GROVE_TEST_REAL("the runtime of a handler is its server's, in every model") {
    const auto runtimes_thread = std::this_thread::get_id();
    for (const Model model : all_models) {
        StreamServer server{any_port,
                            [&](Socket socket, const Endpoint&) {
                                const bool there = grove::this_runtime().call(
                                    [&] { return std::this_thread::get_id() == runtimes_thread; });
                                grove::write(socket, there ? "there" : "elsewhere");
                            },
                            {.model = model}};
        server.start();
        auto client = connect_to(server);
        CHECK(read_piece(client) == "there");
    }
}

GROVE_TEST_REAL("what a thread's handler throws is logged, whatever it is") {
    for (const Model model : {Model::threads, Model::gil_threads}) {
        const CapturedLog log;
        StreamServer server{any_port,
                            [](Socket socket, const Endpoint&) {
                                const auto what = read_piece(socket);
                                if (what == "error") throw std::runtime_error{"out of cheese"};
                                if (what == "number") throw 42;
                                throw grove::GreenletExit{};
                            },
                            {.model = model}};
        server.start();
        for (const auto* what : {"error", "number", "exit"}) {
            auto client = connect_to(server);
            CHECK(ask(client, what).empty());
        }
        wait_for_connections(server, 0);
        CHECK(log.count("out of cheese") == 1);
        CHECK(log.count("no std::exception") == 1);
        CHECK(log.count("\n") == 2);
    }
}

GROVE_TEST_REAL("stop shuts the sockets of threads down, and waits for them") {
    for (const Model model : {Model::threads, Model::gil_threads}) {
        std::atomic<int> shut{0};
        std::atomic<int> ended{0};
        std::atomic<bool> leave{false};
        StreamServer server{any_port,
                            [&](Socket socket, const Endpoint&) {
                                while (!read_piece(socket, {}).empty()) {
                                }
                                ++shut;
                                while (!leave) grove::sleep(1ms);
                                ++ended;
                            },
                            {.model = model}};
        server.start();
        std::vector<Socket> clients;
        for (int i = 0; i < 5; ++i) clients.push_back(connect_to(server));
        wait_for_connections(server, 5);
        auto stopping = grove::spawn([&] { server.stop(10ms); });
        while (shut < 5) grove::sleep(1ms);
        CHECK_FALSE(stopping.ready());
        leave = true;
        stopping.join();
        CHECK(ended == 5);
        CHECK(server.connections() == 0);
        for (auto& client : clients) CHECK(read_piece(client).empty());
    }
}

GROVE_TEST_REAL("stop lets threads finish in their time") {
    for (const Model model : {Model::threads, Model::gil_threads}) {
        std::atomic<bool> go_on{false};
        StreamServer server{any_port,
                            [&](Socket socket, const Endpoint&) {
                                while (!go_on) grove::sleep(1ms);
                                grove::write(socket, "done");
                            },
                            {.model = model}};
        server.start();
        auto client = connect_to(server);
        wait_for_connections(server, 1);
        auto stopping = grove::spawn([&] { server.stop(patience); });
        settle();
        CHECK_FALSE(stopping.ready());
        go_on = true;
        stopping.join();
        CHECK(read_piece(client) == "done");
    }
}

GROVE_TEST_REAL("a socket that its thread has closed is not touched by stop") {
    std::atomic<bool> closed{false};
    std::atomic<bool> leave{false};
    StreamServer server{any_port,
                        [&](Socket socket, const Endpoint&) {
                            socket.close();
                            closed = true;
                            while (!leave) std::this_thread::sleep_for(1ms);
                        },
                        {.model = Model::threads}};
    server.start();
    auto client = connect_to(server);
    while (!closed) grove::sleep(1ms);
    std::vector<std::pair<Socket, Socket>> heirs;  // one of them has its number now
    for (int i = 0; i < 8; ++i) heirs.push_back(Socket::pair());
    auto stopping = grove::spawn([&] { server.stop(); });
    settle();
    leave = true;
    stopping.join();
    for (auto& [left, right] : heirs) {
        grove::write(left, "whole");
        CHECK(read_piece(right) == "whole");
    }
}

GROVE_TEST_REAL("beyond max_connections, no more threads are made") {
    StreamServer server{any_port, echo, {.max_connections = 2, .model = Model::threads}};
    server.start();
    std::vector<Socket> clients;
    for (int i = 0; i < 4; ++i) clients.push_back(connect_to(server));
    wait_for_connections(server, 2);
    for (auto& client : clients) {
        CHECK(ask(client, "my turn") == "my turn");
        CHECK(server.connections() <= 2);
        client.close();
    }
}

TEST_CASE("the end of the runtime ends the threads of a server that outlives it") {
    for (const Model model : {Model::threads, Model::gil_threads}) {
        std::optional<StreamServer> server;
        Socket client;
        grove::run([&] {
            server.emplace(any_port, echo, grove::net::ServerOptions{.model = model});
            server->start();
            client = connect_to(*server);
            CHECK(ask(client, "x") == "x");
        });
        CHECK(read_piece(client).empty());
        CHECK(server->connections() == 0);
        server->stop();
    }
}

TEST_SUITE_END();
