#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/http/client.hpp>
#include <grove/http/server.hpp>

#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using grove::spawn;
using grove::http::Client;
using grove::http::Headers;
using grove::http::Request;
using grove::http::ResponseWriter;
using grove::testing::patience;
using grove::testing::ScriptedServer;
using grove::testing::TestServer;
using grove::testing::Wire;

namespace {

constexpr std::string_view empty_answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Answers each request, until the client closes.
void answer_all(Wire& wire, int) {
    while (!wire.read_through("\r\n\r\n").empty()) wire.send(empty_answer);
}

}  // namespace

TEST_SUITE_BEGIN("http/client_pool");

GROVE_TEST_REAL("a connection is used again") {
    ScriptedServer server{&answer_all};
    Client client;
    for (int i = 0; i < 5; ++i) client.get(server.url("/"), patience);
    CHECK(server.connections == 1);
}

GROVE_TEST_REAL("a connection is not used again when either side said so, or said too much") {
    std::string answer;
    ScriptedServer server{[&](Wire& wire, int) {
        while (!wire.read_through("\r\n\r\n").empty()) wire.send(answer);
    }};
    Client client;
    const auto connections_for_two = [&](std::string text, const Headers& headers = {}) {
        answer = std::move(text);
        const int before = server.connections;
        client.request("GET", server.url("/"), headers, {}, patience);
        client.request("GET", server.url("/"), headers, {}, patience);
        return server.connections - before;
    };
    CHECK(connections_for_two("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n") == 2);
    CHECK(connections_for_two("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n") == 2);
    CHECK(connections_for_two("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n") == 2);
    Headers close;
    close.set("Connection", "close");
    CHECK(connections_for_two(std::string{empty_answer}, close) == 2);
    CHECK(connections_for_two("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n") == 1);
}

GROVE_TEST_FIFO("who finds all connections to a host busy waits, first come first served") {
    std::string order;
    int at_once = 0;
    int most = 0;
    TestServer server{[&](Request& request, ResponseWriter& response) {
        most = std::max(most, ++at_once);
        order += request.target.back();
        grove::sleep(10ms);
        --at_once;
        response.send("");
    }};
    Client client{{.connections_per_host = 2}};
    std::vector<grove::Greenlet<void>> all;
    for (int i = 0; i < 8; ++i) {
        all.push_back(spawn([&, i] { client.get(server.url("/" + std::to_string(i)), patience); }));
        grove::sleep(1ms);
    }
    grove::join_all(all);
    CHECK(most == 2);
    CHECK(order == "01234567");
    CHECK(server.server.connections() == 2);
}

GROVE_TEST("waiting for a connection counts against the deadline, and loses no place") {
    TestServer server{[](Request&, ResponseWriter& response) {
        grove::sleep(5s);
        response.send("");
    }};
    Client client{{.connections_per_host = 1}};
    auto first = spawn([&] { client.get(server.url("/")); });
    grove::sleep(1s);
    std::error_code ec;
    (void)client.get(server.url("/"), ec, 2s);
    CHECK(ec == std::errc::timed_out);
    auto killed = spawn([&] { client.get(server.url("/")); });
    grove::sleep(1s);
    killed.kill();
    killed.join();
    first.join();
    CHECK(client.get(server.url("/"), 6s).status == 200);
}

GROVE_TEST_REAL("hosts do not wait for each other") {
    TestServer slow{[](Request&, ResponseWriter&) { grove::sleep({}); }};
    TestServer fast{[](Request&, ResponseWriter& response) { response.send("fast"); }};
    Client client{{.connections_per_host = 1}};
    auto stuck = spawn([&] { client.get(slow.url("/")); });
    grove::yield();
    CHECK(client.get(fast.url("/"), patience).body == "fast");
    stuck.kill();
    stuck.join();
}

GROVE_TEST_REAL("a kept connection that the server closed meanwhile is replaced") {
    ScriptedServer server{[](Wire& wire, int) {
        (void)wire.read_through("\r\n\r\n");
        wire.send(empty_answer);
    }};
    Client client;
    for (int i = 1; i <= 3; ++i) {
        CHECK(client.post(server.url("/"), "", {}, patience).status == 200);
        while (server.open() > 0) grove::yield();
    }
    CHECK(server.connections == 3);
}

GROVE_TEST_REAL("a request that met a closed connection is sent once more, if it may be") {
    int dropped = 0;
    ScriptedServer server{[&](Wire& wire, int n) {
        if (n != 2) {
            (void)wire.read_through("\r\n\r\n");
            wire.send(empty_answer);
        }
        if (!wire.read_through("\r\n\r\n").empty()) ++dropped;
    }};
    Client client;
    client.get(server.url("/"), patience);  // connection 1
    std::error_code ec;
    (void)client.get(server.url("/"), ec, patience);  // 1, then 2, which was not a kept one: no third try
    CHECK(ec == grove::Errc::eof);
    CHECK(dropped == 2);

    client.get(server.url("/"), patience);  // 3
    (void)client.post(server.url("/"), "once", {}, ec, patience);
    CHECK(ec == grove::Errc::eof);
    CHECK(dropped == 3);
    client.get(server.url("/"), patience);                       // 4
    CHECK(client.get(server.url("/"), patience).status == 200);  // 4, then 5
    CHECK(server.connections == 5);
}

GROVE_TEST("a connection that was idle too long is closed and not used again") {
    ScriptedServer server{&answer_all};
    Client client{{.idle_timeout = 5s}};
    client.get(server.url("/"), patience);
    grove::sleep(4s);
    client.get(server.url("/"), patience);
    CHECK(server.connections == 1);
    grove::sleep(6s);
    client.get(server.url("/"), patience);
    CHECK(server.connections == 2);
    CHECK(server.open() == 1);
}

GROVE_TEST("a request to one host closes what was idle too long to others") {
    ScriptedServer one{&answer_all};
    ScriptedServer other{&answer_all};
    Client client{{.idle_timeout = 5s}};
    client.get(one.url("/"), patience);
    grove::sleep(10s);
    client.get(other.url("/"), patience);
    grove::sleep(1s);
    CHECK(one.open() == 0);
    CHECK(other.open() == 1);
}

GROVE_TEST("what is idle too long is closed, though nobody uses the client any more") {
    ScriptedServer one{&answer_all};
    ScriptedServer other{&answer_all};
    Client client{{.idle_timeout = 5s}};
    client.get(one.url("/"), patience);
    grove::sleep(2s);
    client.get(other.url("/"), patience);
    grove::sleep(2900ms);
    CHECK(one.open() == 1);
    grove::sleep(200ms);
    CHECK(one.open() == 0);
    CHECK(other.open() == 1);
    grove::sleep(2s);
    CHECK(other.open() == 0);
    client.get(one.url("/"), patience);  // and so again
    grove::sleep(6s);
    CHECK(one.open() == 0);
}

GROVE_TEST("no time limit at all closes nothing") {
    TestServer server{[](Request&, ResponseWriter& response) { response.send(""); }, {.idle_timeout = 48h}};
    Client client{{.idle_timeout = std::chrono::milliseconds::max()}};
    client.get(server.url("/"), patience);
    grove::sleep(24h);
    CHECK(server.server.connections() == 1);
}

GROVE_TEST("a client may end, with its connections, before and at their time") {
    ScriptedServer server{&answer_all};
    for (const auto lived : {1s, 5s}) {
        auto client = std::make_unique<Client>(grove::http::ClientOptions{.idle_timeout = 5s});
        client->get(server.url("/"), patience);
        grove::sleep(lived);
        client.reset();
        grove::sleep(1ms);
        CHECK(server.open() == 0);
    }
}

TEST_CASE("idle connections keep no runtime from its end, and a client may go from one to the next") {
    std::optional<Client> client{std::in_place, grove::http::ClientOptions{.idle_timeout = 1h}};
    for (int i = 0; i < 2; ++i) {
        grove::run([&] {
            const TestServer server{[](Request&, ResponseWriter& response) { response.send(""); }};
            client->get(server.url("/"), patience);
        });
    }
    grove::run([&] { client.reset(); });
}

GROVE_TEST("a request that was killed or timed out leaves no connection behind") {
    TestServer server{[](Request& request, ResponseWriter& response) {
        response.write("begin");
        if (request.target == "/slow") grove::sleep(2s);
        response.write("end");
    }};
    Client client{{.connections_per_host = 1}};
    auto killed = spawn([&] { client.get(server.url("/slow")); });
    grove::sleep(1s);
    killed.kill();
    killed.join();
    CHECK_FALSE(grove::try_with_timeout(1s, [&] { return client.get(server.url("/slow")); }));

    CHECK(client.get(server.url("/fast"), 1s).body == "beginend");
}

GROVE_TEST_REAL("many greenlets share a client") {
    TestServer server{[](Request& request, ResponseWriter& response) { response.send(request.target); }};
    Client client{{.connections_per_host = 7}};
    std::vector<grove::Greenlet<void>> all;
    int right = 0;
    for (int i = 0; i < 50; ++i) {
        all.push_back(spawn([&, i] {
            for (int k = 0; k < 10; ++k) {
                const std::string path = "/" + std::to_string(i) + "/" + std::to_string(k);
                right += client.get(server.url(path), patience).body == path;
            }
        }));
    }
    grove::join_all(all);
    CHECK(right == 500);
    CHECK(server.server.connections() <= 7);
}

GROVE_TEST_REAL("requests end when their server is killed") {
    Client client{{.connections_per_host = 100}};
    int failed = 0;
    std::vector<grove::Greenlet<void>> all;
    {
        int running = 0;
        TestServer server{[&](Request& request, ResponseWriter& response) {
            ++running;
            if (request.target == "/begun") response.write("begun");
            grove::sleep({});
        }};
        for (int i = 0; i < 40; ++i) {
            const std::string url = server.url(i % 2 ? "/begun" : "/");
            all.push_back(spawn([&client, &failed, url] {
                std::error_code ec;
                (void)client.get(url, ec, patience);
                failed += ec == grove::Errc::eof || ec == std::errc::connection_reset;
            }));
        }
        while (running < 40) grove::sleep(1ms);
    }
    grove::join_all(all);
    CHECK(failed == 40);
}

TEST_CASE("a client works on a plain thread too") {
    std::string body;
    grove::run([&] {
        TestServer server{[](Request& request, ResponseWriter& response) { response.send(request.target); }};
        grove::offload([url = server.url("/thread"), &body] {
            Client client;
            body = client.get(url).body;
            body += client.get(url).body;
        });
    });
    CHECK(body == "/thread/thread");
}

TEST_SUITE_END();
