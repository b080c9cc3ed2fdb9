#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/http/server.hpp>
#include <grove/sync/event.hpp>

#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <chrono>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using namespace std::string_literals;
using grove::http::Request;
using grove::http::ResponseWriter;
using grove::testing::TestServer;
using grove::testing::undated;
using grove::testing::Wire;

namespace {

void mirror(Request& request, ResponseWriter& response) {
    response.send(request.body.read_all(1 << 30));
}

std::string refusal(std::string_view status) {
    return "HTTP/1.1 " + std::string{status} +
           "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(status.size() + 1) +
           "\r\nConnection: close\r\n\r\n" + std::string{status} + "\n";
}

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view post = "POST / HTTP/1.1\r\nHost: a\r\n";
constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view last_answer =
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone";

}  // namespace

TEST_SUITE_BEGIN("http/server_limits");

// --- bad input ------------------------------------------------------------------------------------

GROVE_TEST_REAL("bad requests get their status, and the server goes on") {
    TestServer server{&mirror};
    const std::string post_with{post};
    CHECK(undated(server.ask("what is this then?\r\n\r\n")) == refusal("400 Bad Request"));
    CHECK(undated(server.ask("\x16\x03\x01\x02\x00\x01\x00\x01"s)) == refusal("400 Bad Request"));
    CHECK(undated(server.ask("GET / HTTP/1.1\r\n\r\n")) == refusal("400 Bad Request"));
    CHECK(undated(server.ask("GET / HTTP/3.0\r\nHost: a\r\n\r\n")) ==
          refusal("505 HTTP Version Not Supported"));
    CHECK(undated(server.ask(post_with + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc")) ==
          refusal("400 Bad Request"));
    CHECK(undated(server.ask(post_with + "Transfer-Encoding: gzip\r\n\r\n")) ==
          refusal("501 Not Implemented"));
    CHECK(undated(server.ask(post_with + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n")) ==
          refusal("400 Bad Request"));
    CHECK(undated(server.ask(get)) == ok);
}

GROVE_TEST_REAL("nothing behind a bad request is taken for another") {
    TestServer server{&mirror};
    CHECK(undated(server.ask(std::string{get} + "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n" + std::string{get})) ==
          std::string{ok} + refusal("400 Bad Request"));
}

GROVE_TEST_REAL("a head of 1 MiB is 431") {
    TestServer server{&mirror};
    auto wire = server.connect();
    auto sender = grove::spawn([&] {
        std::error_code ec;  // the server may have had enough before
        grove::write(wire.socket,
                     "GET / HTTP/1.1\r\nHost: a\r\nA: " + std::string(1 << 20, 'a'),
                     ec,
                     grove::testing::patience);
    });
    CHECK(undated(wire.read_through("Large\n")) == refusal("431 Request Header Fields Too Large"));
    sender.join();
}

GROVE_TEST_REAL("the limit on heads is the server's to choose") {
    TestServer server{&mirror, {.max_header_bytes = 100}};
    CHECK(undated(server.ask(get)) == ok);
    CHECK(undated(server.ask("GET / HTTP/1.1\r\nHost: a\r\nA: " + std::string(100, 'a') + "\r\n\r\n")) ==
          refusal("431 Request Header Fields Too Large"));
}

GROVE_TEST_REAL("a body above the limit is 413, announced or not") {
    TestServer server{&mirror, {.max_body_bytes = 1000}};
    const std::string body(1001, 'x');
    CHECK(undated(server.ask(std::string{post} + "Content-Length: 1001\r\n\r\n" + body)) ==
          refusal("413 Content Too Large"));
    CHECK(undated(server.ask(std::string{post} + "Content-Length: 99999999999999\r\n\r\n")) ==
          refusal("413 Content Too Large"));
    CHECK(undated(server.ask(std::string{post} + "Transfer-Encoding: chunked\r\n\r\n3E9\r\n" + body +
                             "\r\n0\r\n\r\n")) == refusal("413 Content Too Large"));
    CHECK(server.ask(std::string{post} + "Content-Length: 1000\r\n\r\n" + body.substr(1))
              .ends_with(body.substr(1)));
}

GROVE_TEST_REAL("who sends all of a body far above the limit before it reads still reads 413") {
    TestServer server{&mirror, {.max_body_bytes = 1000}};
    const std::string body(8 * 1024 * 1024, 'x');
    CHECK(undated(server.ask(std::string{post} + "Content-Length: " + std::to_string(body.size()) +
                             "\r\n\r\n" + body)) == refusal("413 Content Too Large"));
}

GROVE_TEST_REAL("a body that its handler finds too long is 413") {
    TestServer server{
        [](Request& request, ResponseWriter& response) { response.send(request.body.read_all(3)); }};
    CHECK(undated(server.ask(std::string{post} + "Content-Length: 4\r\n\r\nabcd")) ==
          refusal("413 Content Too Large"));
    CHECK(server.ask(std::string{post} + "Content-Length: 3\r\n\r\nabc").ends_with("\r\n\r\nabc"));
}

GROVE_TEST_REAL("a handler hears how its body failed") {
    std::error_code heard;
    TestServer server{[&](Request& request, ResponseWriter&) {
        (void)request.body.read_all(1000, heard);
        std::error_code again;
        (void)request.body.read_all(1000, again);
        CHECK(again == heard);
    }};
    (void)server.ask(std::string{post} + "Content-Length: 10\r\n\r\nabc");
    CHECK(heard == grove::Errc::eof);
    (void)server.ask(std::string{post} + "Transfer-Encoding: chunked\r\n\r\n!");
    (void)server.ask(std::string{post} + "Transfer-Encoding: chunked\r\n\r\n!\r\nabc");
    CHECK(heard == grove::Errc::bad_message);
}

GROVE_TEST_REAL("no mutation of a request upsets the server") {
    TestServer server{&mirror};
    std::mt19937 random{7};
    const std::string requests = std::string{get} + std::string{post} +
                                 "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" +
                                 std::string{post} + "Content-Length: 3\r\n\r\nabc";
    for (int i = 0; i < 300; ++i) {
        std::string text = requests;
        for (unsigned n = 1 + random() % 4; n > 0; --n)
            text[random() % text.size()] = static_cast<char>(random());
        const std::string response = server.ask(text);
        CHECK((response.empty() || response.starts_with("HTTP/1.1 ")));
    }
    CHECK(undated(server.ask(get)) == ok);
}

// --- slow clients ---------------------------------------------------------------------------------

GROVE_TEST("half a request and silence is 408") {
    TestServer server{&mirror, {.header_timeout = 5s}};
    auto wire = server.connect();
    const auto start = grove::now();
    wire.send("GET / HT");
    grove::sleep(4s);
    wire.send("TP/1.1\r\n");  // a sign of life does not prolong it

    CHECK(undated(wire.read_through("Timeout\n")) == refusal("408 Request Timeout"));
    CHECK(grove::now() - start >= 5s);
    CHECK(grove::now() - start < 6s);
}

GROVE_TEST("silence between requests ends the connection without a word") {
    TestServer server{&mirror, {.idle_timeout = 5s}};
    auto wire = server.connect();
    grove::sleep(4s);
    wire.send(get);
    CHECK(undated(wire.read_through("\r\n\r\n")) == ok);
    grove::sleep(4s);
    wire.send(get);
    CHECK(undated(wire.read_through("\r\n\r\n")) == ok);

    const auto start = grove::now();
    CHECK(wire.read_to_end() == "");
    CHECK(grove::now() - start >= 5s);
    CHECK(grove::now() - start < 6s);
}

GROVE_TEST("a body that stalls is 408") {
    TestServer server{&mirror, {.stall_timeout = 5s}};
    auto wire = server.connect();
    wire.send(std::string{post} + "Content-Length: 10\r\n\r\nabc");
    grove::sleep(4s);
    wire.send("def");
    grove::sleep(4s);
    wire.send("ghi");
    CHECK(undated(wire.read_through("Timeout\n")) == refusal("408 Request Timeout"));
}

GROVE_TEST("a handler's own deadline on a body is no fault of the client's") {
    TestServer server{[](Request& request, ResponseWriter& response) {
        std::error_code ec;
        std::byte byte;
        CHECK(request.body.read_some({&byte, 1}, ec, 1s) == 0);
        CHECK(ec == std::errc::timed_out);
        response.send(request.body.read_all());
    }};
    auto wire = server.connect();
    wire.send(std::string{post} + "Content-Length: 3\r\n\r\n");
    grove::sleep(2s);
    wire.send("abc");
    CHECK(wire.read_through("abc").starts_with("HTTP/1.1 200 OK\r\n"));
}

GROVE_TEST("a client that takes nothing of its response does not hold the handler for ever") {
    std::error_code ec;
    TestServer server{[&](Request&, ResponseWriter& response) {
                          const std::string piece(1 << 20, 'x');
                          while (!ec) response.write(piece, ec);
                      },
                      {.stall_timeout = 5s}};
    auto wire = server.connect();
    wire.send(get);
    grove::sleep(10s);
    CHECK(ec == std::errc::timed_out);
    CHECK(server.server.connections() == 0);
}

// --- handlers that fail ---------------------------------------------------------------------------

GROVE_TEST_REAL("a handler that throws before its first write answers 500") {
    TestServer server{[](Request& request, ResponseWriter& response) {
        if (request.target == "/status") response.status = 42;
        if (request.target == "/length") response.headers.set("Content-Length", "many");
        if (request.target == "/inject") response.headers.set("Location", "/\r\nSet-Cookie: a=b");
        if (request.target == "/throw") throw std::runtime_error{"handler"};
        if (request.target == "/throw_a_number") throw 42;
        response.send("fine");
    }};
    for (const auto target : {"/status", "/length", "/inject", "/throw", "/throw_a_number"}) {
        CAPTURE(target);
        CHECK(undated(server.ask("GET "s + target + " HTTP/1.1\r\nHost: a\r\n\r\n")) ==
              refusal("500 Internal Server Error"));
    }
    CHECK(server.ask(get).ends_with("fine"));
}

GROVE_TEST_REAL("a handler that throws later ends the connection, and no last chunk pretends otherwise") {
    TestServer server{[](Request&, ResponseWriter& response) {
        response.write("hello");
        throw std::runtime_error{"handler"};
    }};
    CHECK(undated(server.ask(std::string{get} + std::string{get})) ==
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
}

GROVE_TEST("a response that was interrupted in the middle of a write is not continued") {
    TestServer server{[](Request&, ResponseWriter& response) {
        const std::string large(16 << 20, 'x');
        CHECK_FALSE(grove::try_with_timeout(1s, [&] { response.write(large); }));
        std::error_code ec;
        response.write("more", ec);
        CHECK(ec == std::errc::operation_canceled);
    }};
    auto wire = server.connect();
    wire.send(get);
    grove::sleep(2s);
    CHECK(wire.read_to_end().find("more") == std::string::npos);
}

GROVE_TEST_REAL("a client that leaves before its answer is no concern of others") {
    int asked = 0;
    grove::Event gone;
    TestServer server{[&](Request& request, ResponseWriter& response) {
        ++asked;
        gone.wait();
        response.send(std::string(request.target.size() * 100'000, 'x'));
    }};
    for (int i = 1; i <= 10; ++i) {
        auto wire = server.connect();
        wire.send("GET /some/where HTTP/1.1\r\nHost: a\r\n\r\n");
        while (asked < i) grove::yield();
    }
    gone.set();
    CHECK(server.ask(get).starts_with("HTTP/1.1 200 OK"));
}

// --- stopping -------------------------------------------------------------------------------------

GROVE_TEST("stop with grace ends idle connections at once and lets requests finish") {
    grove::WaitList go_on;
    TestServer server{[&](Request& request, ResponseWriter& response) {
        if (request.target == "/slow") go_on.wait();
        response.send("done");
    }};
    auto idle = server.connect();
    idle.send(get);
    (void)idle.read_through("done");
    auto busy = server.connect();
    busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    grove::sleep(2s);

    const auto start = grove::now();
    auto stopper = grove::spawn([&] { server.server.stop(10s); });
    CHECK(idle.read_to_end() == "");
    CHECK(grove::now() == start);
    CHECK_FALSE(stopper.ready());
    go_on.notify_one();
    CHECK(undated(busy.read_to_end()) == last_answer);
    stopper.join();
    CHECK(grove::now() == start);
}

GROVE_TEST("a connection that is in use when the server stops has a moment for its next request") {
    TestServer server{[](Request&, ResponseWriter& response) { response.send("done"); }};
    auto used = server.connect();
    auto silent = server.connect();
    for (Wire* each : {&used, &silent}) {
        each->send(get);
        (void)each->read_through("done");
    }
    const auto start = grove::now();
    auto stopper = grove::spawn([&] { server.server.stop(10s); });
    grove::sleep(500ms);
    CHECK_FALSE(stopper.ready());
    used.send(get);
    CHECK(undated(used.read_to_end()) == last_answer);
    CHECK(grove::now() - start < 1s);
    CHECK(silent.read_to_end() == "");
    stopper.join();
    CHECK(grove::now() - start < 2s);
}

GROVE_TEST("a connection that is new when the server stops has a moment for its first request") {
    TestServer server{[](Request&, ResponseWriter& response) { response.send("done"); }};
    auto late = server.connect();
    auto silent = server.connect();
    while (server.server.connections() < 2) grove::yield();
    const auto start = grove::now();
    auto stopper = grove::spawn([&] { server.server.stop(10s); });
    for (int i = 0; i < 10; ++i) grove::yield();
    CHECK_FALSE(stopper.ready());
    late.send(get);
    CHECK(undated(late.read_to_end()) == last_answer);
    CHECK(silent.read_to_end() == "");
    stopper.join();
    CHECK(grove::now() - start < 2s);
}

GROVE_TEST("stop kills what does not finish in time") {
    bool unwound = false;
    TestServer server{[&](Request&, ResponseWriter&) {
        try {
            grove::sleep({});
        } catch (const grove::GreenletExit&) {
            unwound = true;
            throw;
        }
    }};
    auto wire = server.connect();
    wire.send(get);
    grove::sleep(1s);
    const auto start = grove::now();
    server.server.stop(3s);

    CHECK(unwound);
    CHECK(grove::now() - start == 3s);
    CHECK(wire.read_to_end() == "");
}

GROVE_TEST_REAL("stop ends idle connections of threads too") {
    for (const auto model : {grove::net::Model::threads, grove::net::Model::gil_threads}) {
        TestServer server{[](Request&, ResponseWriter& response) { response.send("done"); },
                          {.net = {.model = model}}};
        auto idle = server.connect();
        idle.send(get);
        (void)idle.read_through("done");
        const auto start = grove::Clock::now();
        server.server.stop(10s);
        CHECK(grove::Clock::now() - start < 5s);
        CHECK(idle.read_to_end() == "");
    }
}

GROVE_TEST_REAL("a server that is destroyed ends its requests and leaves nothing behind") {
    Wire* wire = nullptr;
    std::vector<Wire> wires;
    {
        TestServer server{[](Request&, ResponseWriter& response) {
            response.write("begun");
            grove::sleep({});
        }};
        for (int i = 0; i < 20; ++i) {
            wires.push_back(server.connect());
            wire = &wires.back();
            if (i % 2 == 0) wire->send(get);
            if (i % 4 == 0) (void)wire->read_through("begun");
        }
    }
    for (auto& each : wires) (void)each.read_to_end();
}

TEST_SUITE_END();
