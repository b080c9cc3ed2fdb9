#include <grove/core/greenlet.hpp>
#include <grove/core/timeout.hpp>
#include <grove/net/server.hpp>
#include <grove/sync/event.hpp>

#include "net/captured_log.hpp"
#include "net/loopback.hpp"
#include "support/faulty_os.hpp"
#include "support/grove_test.hpp"

#include <chrono>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::spawn;
using grove::net::Endpoint;
using grove::net::Socket;
using grove::net::StreamServer;

namespace {

void echo(Socket socket, const Endpoint&) {
    while (true) {
        const auto piece = read_piece(socket, {});
        if (piece.empty()) return;
        grove::write(socket, piece);
    }
}

/// Waits for the peer to leave, without an answer.
void hold(Socket socket, const Endpoint&) {
    (void)read_piece(socket, {});
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

TEST_SUITE_BEGIN("net/server");

// --- Serving --------------------------------------------------------------------------------------

GROVE_TEST_REAL("each connection is served") {
    StreamServer server{any_port, echo};
    server.start();
    std::vector<Socket> clients;
    for (int i = 0; i < 50; ++i) clients.push_back(connect_to(server));
    for (auto& client : clients) CHECK(ask(client, "hello") == "hello");
    CHECK(server.connections() == 50);
    clients.clear();
    wait_for_connections(server, 0);
}

GROVE_TEST_REAL("it listens at once, and serves from the start on") {
    StreamServer server{any_port, echo};
    auto early = connect_to(server);
    CHECK(server.connections() == 0);
    server.start();
    server.start();
    CHECK(ask(early, "patience") == "patience");
}

GROVE_TEST_REAL("a port in use is told at once") {
    const StreamServer server{any_port, echo};
    CHECK_THROWS_AS((StreamServer{server.endpoint(), echo}), std::system_error);
}

GROVE_TEST_REAL("the handler is told who came, and its socket closes when it returns") {
    Endpoint peer;
    StreamServer server{any_port, [&](Socket, const Endpoint& p) { peer = p; }};
    server.start();
    auto client = connect_to(server);
    CHECK(read_piece(client).empty());
    CHECK(peer == client.local());
}

GROVE_TEST_REAL("beyond max_connections, accepting pauses") {
    StreamServer server{any_port, echo, {.max_connections = 2}};
    server.start();
    auto first = connect_to(server);
    auto second = connect_to(server);
    CHECK(ask(first, "1") == "1");
    CHECK(ask(second, "2") == "2");
    auto third = connect_to(server);  // into the backlog
    grove::write(third, "3");
    std::error_code ec;
    (void)read_piece(third, ec, 20ms);
    CHECK(ec == std::errc::timed_out);
    CHECK(server.connections() == 2);
    first.close();
    CHECK(read_piece(third) == "3");
}

// --- When things go wrong -------------------------------------------------------------------------

GROVE_TEST_REAL("what a handler throws is logged with the peer, and the server goes on") {
    const CapturedLog log;
    StreamServer server{any_port, [](Socket socket, const Endpoint&) {
                            if (read_piece(socket) == "fail") throw std::runtime_error{"out of cheese"};
                            grove::write(socket, "fine");
                        }};
    server.start();
    auto bad = connect_to(server);
    CHECK(ask(bad, "fail").empty());
    auto good = connect_to(server);
    CHECK(ask(good, "go on") == "fine");
    CHECK(log.count(bad.local().to_string()) == 1);
    CHECK(log.count("out of cheese") == 1);
}

GROVE_TEST_REAL("a killed handler is silent") {
    const CapturedLog log;
    StreamServer server{any_port, hold};
    server.start();
    auto client = connect_to(server);
    wait_for_connections(server, 1);
    server.stop();
    CHECK(read_piece(client).empty());
    CHECK(log.text().empty());
}

GROVE_TEST("without descriptors it pauses, longer each time, says so once, and recovers") {
    const CapturedLog log;
    FaultyOs system;
    system.fail(Call::accept, 1, EMFILE, 3);
    system.fail(Call::accept, 4, ENOMEM, 7);
    const OsScope scope{system};
    StreamServer server{any_port, echo};
    auto client = connect_to(server);
    const auto start = grove::now();
    server.start();
    CHECK(ask(client, "at last") == "at last");
    // 10 + 20 + 40 + 80 + 160 + 320 + 640 + 1000 + 1000 + 1000
    CHECK(grove::now() - start >= 4270ms);
    CHECK(grove::now() - start < 4400ms);
    CHECK(log.count("pauses") == 1);
    CHECK(log.count("Too many open files") == 1);
}

GROVE_TEST("after a success the next pause is a short one, and is told again") {
    const CapturedLog log;
    FaultyOs system;
    system.fail(Call::accept, 1, EMFILE, 4);
    const OsScope scope{system};
    StreamServer server{any_port, echo};
    auto first = connect_to(server);
    server.start();
    CHECK(ask(first, "1") == "1");
    system.fail(Call::accept, system.count(Call::accept) + 1, ENFILE);
    const auto start = grove::now();
    auto second = connect_to(server);
    CHECK(ask(second, "2") == "2");
    CHECK(grove::now() - start < 40ms);
    CHECK(log.count("pauses") == 2);
}

GROVE_TEST_REAL("other failures of accept do not end it") {
    const CapturedLog log;
    FaultyOs system;
    system.fail(Call::accept, 1, ECONNABORTED, 5);
    system.fail(Call::accept, 6, EPROTO);
    system.fail(Call::accept, 7, ENETDOWN);
    const OsScope scope{system};
    StreamServer server{any_port, echo};
    server.start();
    auto client = connect_to(server);
    CHECK(ask(client, "still here") == "still here");
}

// --- Stopping -------------------------------------------------------------------------------------

GROVE_TEST_REAL("stop lets handlers finish in their time") {
    bool finished = false;
    grove::Event go_on;
    StreamServer server{any_port, [&](Socket socket, const Endpoint&) {
                            go_on.wait();
                            grove::write(socket, "done");
                            finished = true;
                        }};
    server.start();
    auto client = connect_to(server);
    wait_for_connections(server, 1);
    auto stopping = spawn([&] { server.stop(patience); });
    settle();
    CHECK_FALSE(stopping.ready());
    go_on.set();
    stopping.join();
    CHECK(finished);
    CHECK(server.connections() == 0);
    CHECK(read_piece(client) == "done");
}

GROVE_TEST_REAL("stop kills those who do not finish in time") {
    StreamServer server{any_port, hold};
    server.start();
    auto client = connect_to(server);
    wait_for_connections(server, 1);
    server.stop(10ms);
    CHECK(server.connections() == 0);
    CHECK(read_piece(client).empty());
}

GROVE_TEST_REAL("stopped, it takes no more connections, and cannot be started again") {
    StreamServer server{any_port, echo};
    server.start();
    const auto at = server.endpoint();
    server.stop();
    server.stop();
    std::error_code ec;
    (void)Socket::connect(at, ec, patience);
    CHECK(ec == std::errc::connection_refused);
    CHECK_THROWS_AS(server.start(), std::logic_error);
    CHECK_THROWS_AS(server.serve_forever(), std::logic_error);
    CHECK(server.endpoint() == at);
}

GROVE_TEST_REAL("serve_forever serves until the server is stopped") {
    StreamServer server{any_port, echo};
    auto serving = spawn([&] { server.serve_forever(); });
    auto client = connect_to(server);
    CHECK(ask(client, "x") == "x");
    CHECK_FALSE(serving.ready());
    server.stop();
    serving.join();
    CHECK(serving.successful());
    CHECK_FALSE(serving.killed());
}

GROVE_TEST_REAL("killing serve_forever stops the server") {
    StreamServer server{any_port, hold};
    auto serving = spawn([&] { server.serve_forever(); });
    auto client = connect_to(server);
    wait_for_connections(server, 1);
    serving.kill();
    serving.join();
    CHECK(serving.killed());
    CHECK(server.connections() == 0);
    CHECK_THROWS_AS(server.start(), std::logic_error);
}

GROVE_TEST_REAL("a handler may stop its own server") {
    StreamServer* itself = nullptr;
    bool stopped = false;
    StreamServer server{any_port, [&](Socket socket, const Endpoint&) {
                            if (read_piece(socket, {}) != "stop") return;
                            itself->stop();
                            stopped = true;
                        }};
    itself = &server;
    auto serving = spawn([&] { server.serve_forever(); });
    auto idle = connect_to(server);
    auto client = connect_to(server);
    grove::write(client, "stop");
    CHECK(read_piece(client).empty());
    serving.join();
    CHECK(read_piece(idle).empty());
    CHECK(stopped);
}

GROVE_TEST_REAL("the destructor stops, also a server that waits for a place or pauses") {
    const CapturedLog log;
    auto full =
        std::make_unique<StreamServer>(any_port, hold, grove::net::ServerOptions{.max_connections = 1});
    full->start();
    auto client = connect_to(*full);
    wait_for_connections(*full, 1);
    settle();
    full.reset();
    CHECK(read_piece(client).empty());

    FaultyOs system;
    system.fail(Call::accept, 1, EMFILE, FaultyOs::for_ever);
    const OsScope scope{system};
    StreamServer pausing{any_port, echo};
    pausing.start();
    const auto waiting = connect_to(pausing);
    while (log.count("pauses") == 0) grove::sleep(1ms);
}

GROVE_TEST_REAL("one that was never started stops as well") {
    StreamServer server{any_port, echo};
    server.stop();
    CHECK_THROWS_AS(server.start(), std::logic_error);
}

GROVE_TEST_REAL("a connection that was accepted and never served is closed") {
    StreamServer server{any_port, echo};
    auto client = connect_to(server);
    server.start();
    auto stopper = spawn([&] { server.stop(); });
    stopper.join();
    std::error_code ec;
    (void)read_piece(client, ec);
    CHECK(ec != std::errc::timed_out);
}

TEST_CASE("a server may outlive its runtime") {
    std::optional<StreamServer> server;
    grove::run([&] {
        server.emplace(any_port, echo);
        server->start();
        auto client = connect_to(*server);
        CHECK(ask(client, "x") == "x");
    });
    CHECK(server->connections() == 0);
    server->stop();
    server.reset();
}

TEST_SUITE_END();
