#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/http/server.hpp>

#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <stdexcept>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using grove::http::Request;
using grove::http::ResponseWriter;
using grove::testing::TestServer;
using grove::testing::undated;

namespace {

/// Answers with what was asked.
void mirror(Request& request, ResponseWriter& response) {
    response.send(request.method + " " + request.target + " " + request.body.read_all());
}

std::string answer(std::string_view body, std::string_view fields = "") {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           std::string{fields} + "\r\n" + std::string{body};
}

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view last_get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

}  // namespace

TEST_SUITE_BEGIN("http/server");

GROVE_TEST_REAL("a response has its status, a date, the handler's fields and a length") {
    TestServer server{[](Request&, ResponseWriter& response) {
        response.status = 404;
        response.headers.set("X-Reason", "gone");
        response.send("not here");
    }};
    const std::string response = server.ask(last_get);

    CHECK(
        undated(response) ==
        "HTTP/1.1 404 Not Found\r\nX-Reason: gone\r\nContent-Length: 8\r\nConnection: close\r\n\r\nnot here");
    const auto date = response.substr(response.find("Date: "),
                                      std::string_view{"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"}.size());
    CHECK(date.ends_with(" GMT\r\n"));
    CHECK(date[9] == ',');
}

// --- keep-alive -----------------------------------------------------------------------------------

GROVE_TEST_REAL("a connection serves request after request until one says close") {
    int served = 0;
    TestServer server{[&](Request&, ResponseWriter& response) { response.send(std::to_string(++served)); }};
    auto wire = server.connect();

    for (int i = 1; i <= 5; ++i) {
        wire.send(get);
        CHECK(undated(wire.read_through("\r\n\r\n" + std::to_string(i))) == answer(std::to_string(i)));
    }
    CHECK(server.server.connections() == 1);
    wire.send(last_get);
    CHECK(undated(wire.read_to_end()) == answer("6", "Connection: close\r\n"));
}

GROVE_TEST_REAL("HTTP/1.0 connections close unless they ask to be kept") {
    TestServer server{&mirror};
    auto wire = server.connect();
    wire.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(undated(wire.read_through("GET /1 ")) == answer("GET /1 ", "Connection: keep-alive\r\n"));
    wire.send("GET /2 HTTP/1.0\r\n\r\n");
    CHECK(undated(wire.read_to_end()) == answer("GET /2 ", "Connection: close\r\n"));
}

GROVE_TEST_REAL("a handler may close the connection") {
    TestServer server{[](Request&, ResponseWriter& response) {
        response.headers.set("Connection", "close");
        response.send("bye");
    }};
    auto wire = server.connect();
    wire.send(get);
    CHECK(undated(wire.read_to_end()) == answer("bye", "Connection: close\r\n"));
}

GROVE_TEST_REAL("pipelined requests are answered in order, bodies and all") {
    TestServer server{&mirror};
    CHECK(undated(server.ask(
              "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
              "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
              "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
              "GET /4 HTTP/1.1\r\nHost: a\r\n\r\n")) ==
          answer("GET /1 ") + answer("POST /2 hello") + answer("POST /3 abc") + answer("GET /4 "));
}

// --- bodies in ------------------------------------------------------------------------------------

GROVE_TEST_REAL("a request reads the same wherever it is split") {
    TestServer server{&mirror};
    const std::string request =
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n "
        "world\r\n0\r\n\r\n";
    auto wire = server.connect();
    for (std::size_t i = 1; i < request.size(); ++i) {
        CAPTURE(i);
        wire.send(request.substr(0, i));
        for (int turn = 0; turn < 3; ++turn) grove::yield();
        wire.send(request.substr(i));
        REQUIRE(undated(wire.read_through("world")) == answer("POST /x hello world"));
    }
}

GROVE_TEST_REAL("a body that no handler read is dropped, and the next request is served") {
    TestServer server{[](Request& request, ResponseWriter& response) { response.send(request.target); }};
    CHECK(undated(server.ask(
              "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n" + std::string(20'000, 'x') +
              "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" +
              std::string{last_get})) == answer("/1") + answer("/2") + answer("/", "Connection: close\r\n"));
}

GROVE_TEST_REAL("an answer can be read though the handler left most of a large body unread") {
    TestServer server{[](Request&, ResponseWriter& response) { response.send("enough"); }};
    auto wire = server.connect();
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n" + std::string(400'000, 'x'));
    CHECK(undated(wire.read_to_end()) == answer("enough"));
}

GROVE_TEST_REAL("a large body arrives whole, in whatever portions it is read") {
    TestServer server{[](Request& request, ResponseWriter& response) {
        std::vector<std::byte> buffer(7777);
        std::size_t total = 0;
        while (const auto n = request.body.read_some(buffer)) total += n;
        response.send(std::to_string(total));
    }};
    const std::string body(3'000'000, 'x');
    auto wire = server.connect();
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + body);
    CHECK(undated(wire.read_through("\r\n\r\n3000000")) == answer("3000000"));
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2DC6C0\r\n" + body +
              "\r\n0\r\n\r\n");
    CHECK(undated(wire.read_through("\r\n\r\n3000000")) == answer("3000000"));
}

GROVE_TEST_REAL("100 Continue is sent when the handler first reads the body") {
    TestServer server{&mirror};
    auto wire = server.connect();
    wire.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    CHECK(wire.read_through("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    wire.send("ok");
    CHECK(undated(wire.read_through("ok")) == answer("PUT / ok"));
}

GROVE_TEST_REAL("a client that waits for 100 Continue gets a refusal instead, and the connection ends") {
    TestServer server{[](Request&, ResponseWriter& response) {
        response.status = 403;
        response.send("");
    }};
    auto wire = server.connect();
    wire.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    CHECK(undated(wire.read_through("\r\n\r\n")) ==
          "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    wire.socket.shutdown(grove::net::Side::write);
    CHECK(wire.read_to_end() == "");
}

// --- bodies out -----------------------------------------------------------------------------------

GROVE_TEST_REAL("what is written without a length is chunked, and each piece leaves at once") {
    grove::WaitList go_on;
    TestServer server{[&](Request&, ResponseWriter& response) {
        response.write("hello");
        go_on.wait();
        response.write("");
        response.write(std::string(26, 'x'));
    }};
    auto wire = server.connect();
    wire.send(get);
    CHECK(undated(wire.read_through("hello\r\n")) ==
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    go_on.notify_one();
    CHECK(wire.read_through("0\r\n\r\n") == "1a\r\n" + std::string(26, 'x') + "\r\n0\r\n\r\n");
}

GROVE_TEST_REAL("HTTP/1.0 gets what has no length until the end of the connection") {
    TestServer server{[](Request&, ResponseWriter& response) {
        response.write("hello ");
        response.write("world");
    }};
    CHECK(undated(server.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")) ==
          "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello world");
}

GROVE_TEST_REAL("with a length set, pieces are sent as they are") {
    TestServer server{[](Request&, ResponseWriter& response) {
        response.headers.set("Content-Length", "11");
        response.write("hello ");
        response.write("world");
    }};
    CHECK(undated(server.ask(get)) == answer("hello world"));
}

GROVE_TEST_REAL("a handler that writes nothing answers with an empty body") {
    TestServer server{[](Request&, ResponseWriter& response) { response.status = 201; }};
    CHECK(undated(server.ask(get)) == "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
}

GROVE_TEST_REAL("a response that breaks its promise of a length ends the connection") {
    std::string_view body;
    TestServer server{[&](Request&, ResponseWriter& response) {
        response.headers.set("Content-Length", "5");
        response.write(body);
    }};
    for (const auto& [written, sent] : {std::pair{"hel", "hel"}, {"hello world", "hello"}, {"", ""}}) {
        body = written;
        CHECK(undated(server.ask(std::string{get} + std::string{get})) ==
              "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + std::string{sent});
    }
}

GROVE_TEST_REAL("HEAD, 204 and 304 have no body") {
    TestServer server{[](Request& request, ResponseWriter& response) {
        if (request.target == "/204") response.status = 204;
        if (request.target == "/304") response.status = 304;
        if (request.target == "/file") response.headers.set("Content-Length", "1000");
        if (request.target == "/pieces") {
            response.write("a");
            response.write("b");
        } else if (request.target != "/file" && request.target != "/none") {
            response.send("hello");
        }
    }};
    const auto ask = [&](std::string_view method, std::string_view target) {
        // The second request shows that nothing was left behind.
        const std::string first =
            std::string{method} + " " + std::string{target} + " HTTP/1.1\r\nHost: a\r\n\r\n";
        const std::string response = undated(server.ask(first + "HEAD /204 HTTP/1.1\r\nHost: a\r\n\r\n"));
        const std::string_view second = "HTTP/1.1 204 No Content\r\n\r\n";
        REQUIRE(response.ends_with(second));
        return response.substr(0, response.size() - second.size());
    };
    CHECK(ask("HEAD", "/") == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    CHECK(ask("HEAD", "/file") == "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    CHECK(ask("HEAD", "/pieces") == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    CHECK(ask("GET", "/204") == "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(ask("GET", "/304") == "HTTP/1.1 304 Not Modified\r\n\r\n");
}

GROVE_TEST_REAL("a large response arrives whole at a slow reader") {
    const std::string body(4'000'000, 'x');
    TestServer server{[&](Request& request, ResponseWriter& response) {
        if (request.target == "/pieces") response.write(body);
        if (request.target == "/whole") response.send(body);
    }};
    CHECK(server.ask("GET /whole HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("\r\n\r\n" + body));
    CHECK(server.ask("GET /pieces HTTP/1.1\r\nHost: a\r\n\r\n")
              .ends_with("\r\n\r\n3d0900\r\n" + body + "\r\n0\r\n\r\n"));
}

GROVE_TEST_REAL("the framing is not the handler's to write") {
    TestServer server{[](Request&, ResponseWriter& response) {
        response.headers.add("Transfer-Encoding", "gzip");
        response.headers.add("Connection", "upgrade");
        response.headers.add("Content-Length", "1");
        response.send("hello");
    }};
    CHECK(undated(server.ask(get)) == answer("hello"));
}

// --- all models -----------------------------------------------------------------------------------

GROVE_TEST_REAL("greenlets, threads and threads under the Gil serve the same") {
    using grove::net::Model;
    for (const Model model : {Model::greenlets, Model::threads, Model::gil_threads}) {
        TestServer server{&mirror, {.net = {.model = model}}};
        auto other = server.connect();
        CHECK(undated(server.ask(std::string{get} + std::string{last_get})) ==
              answer("GET / ") + answer("GET / ", "Connection: close\r\n"));
        other.send("POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
        CHECK(undated(other.read_through("hi")) == answer("POST /other hi"));
    }
}

TEST_SUITE_END();
