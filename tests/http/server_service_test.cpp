#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/http/server.hpp>
#include <grove/io/file.hpp>

#include "http/access_log.hpp"
#include "http/wire.hpp"
#include "io/scratch.hpp"
#include "support/grove_test.hpp"

#include <chrono>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

// What a server needs that strangers talk to: trailers, limits on patience and number, a log.

using namespace std::chrono_literals;
using namespace std::string_literals;
using grove::http::Request;
using grove::http::ResponseWriter;
using grove::testing::put;
using grove::testing::Scratch;
using grove::testing::TestServer;
using grove::testing::undated;

namespace {

void mirror(Request& request, ResponseWriter& response) {
    response.send(request.body.read_all(1 << 24));
}

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::string chunked(std::string_view body) {
    return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string{body};
}

}  // namespace

TEST_SUITE_BEGIN("http/server_service");

// --- trailers -------------------------------------------------------------------------------------

GROVE_TEST_REAL(
    "a request's trailers are there when its body has been read, but for those nobody may trust") {
    TestServer server{[](Request& request, ResponseWriter& response) {
        CHECK(request.trailers.empty());
        (void)request.body.read_all();
        response.send(std::string{request.trailers.get("checksum").value_or("none")});
        CHECK_FALSE(request.trailers.get("host"));
        CHECK_FALSE(request.trailers.get("authorization"));
        CHECK_FALSE(request.trailers.get("proxy-authorization"));
        CHECK_FALSE(request.headers.get("checksum"));
    }};
    CHECK(server
              .ask(chunked("3\r\nabc\r\n0\r\nChecksum: 7\r\nHost: evil\r\nAuthorization: x\r\n"
                           "Proxy-Authorization: x\r\n\r\n"))
              .ends_with("\r\n\r\n7"));
    CHECK(
        server.ask(chunked("3\r\nabc\r\n0\r\nChecksum: 7\r\n\r\n") + chunked("0\r\n\r\n")).ends_with("none"));
}

GROVE_TEST_REAL("trailers have limits, too") {
    TestServer server{&mirror, {.max_header_fields = 5}};
    std::string many;
    for (int i = 0; i < 6; ++i) many += "A: b\r\n";
    CHECK(server.ask(chunked("0\r\n" + many + "\r\n")).starts_with("HTTP/1.1 400 "));
    CHECK(
        server.ask(chunked("0\r\nA: " + std::string(20'000, 'x') + "\r\n\r\n")).starts_with("HTTP/1.1 400 "));
    CHECK(server.ask("GET / HTTP/1.1\r\nHost: a\r\n" + many + "\r\n").starts_with("HTTP/1.1 431 "));
}

GROVE_TEST_REAL("a response's trailers follow its last chunk, and no other body") {
    TestServer server{[](Request& request, ResponseWriter& response) {
        response.headers.set("Trailer", "Checksum");
        response.trailers.set("Checksum", "7");
        if (request.target == "/whole") return response.send("abc");
        response.write("abc");
        response.trailers.set("Checksum", "8");
    }};
    auto wire = server.connect();
    wire.send(get);
    CHECK(wire.read_through("8\r\n\r\n").ends_with("3\r\nabc\r\n0\r\nChecksum: 8\r\n\r\n"));
    wire.send("GET /whole HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CHECK(wire.read_to_end().ends_with("\r\n\r\nabc"));
}

// --- files ----------------------------------------------------------------------------------------

GROVE_TEST_REAL("a piece of a file as a piece of a body") {
    Scratch scratch;
    put(scratch / "file", "0123456789");
    TestServer server{[&](Request&, ResponseWriter& response) {
        auto file = grove::File::open(scratch / "file");
        response.write("[");
        response.write_file(file, 2, 3);
        response.write("]");
        response.write_file(file, 8, 100);  // as far as it goes
    }};
    CHECK(undated(server.ask(get)) ==
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
          "chunked\r\n\r\n1\r\n[\r\n3\r\n234\r\n1\r\n]\r\n2\r\n89\r\n0\r\n\r\n");
}

// --- limits ---------------------------------------------------------------------------------------

GROVE_TEST_REAL("a connection has so many requests, and its last answer says so") {
    TestServer server{&mirror, {.max_requests = 2}};
    CHECK(undated(server.ask(std::string{get} + std::string{get} + std::string{get})) ==
          std::string{ok} + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

GROVE_TEST_REAL("the last answer arrives whole, though another request was on its way") {
    const std::string large(500'000, 'x');
    grove::WaitList go_on;
    TestServer server{[&](Request&, ResponseWriter& response) {
                          go_on.wait();
                          response.send(large);
                      },
                      {.max_requests = 1}};
    auto wire = server.connect();
    wire.send(get);
    while (!go_on.notify_one()) grove::yield();
    wire.send(get);
    grove::sleep(20ms);  // the answer waits to be read
    CHECK(wire.read_to_end().ends_with("\r\n\r\n" + large));
}

GROVE_TEST_REAL("beyond its connections a server says 503 and when to come again, and then serves again") {
    grove::WaitList go_on;
    bool entered = false;
    TestServer server{[&](Request&, ResponseWriter& response) {
                          entered = true;
                          go_on.wait();
                          response.send("served");
                      },
                      {.net = {.max_connections = 1}, .retry_after = 7s}};
    auto first = server.connect();
    first.send(get);
    while (!entered) grove::yield();
    auto second = server.connect();
    const auto refusal = undated(second.read_to_end());
    CHECK(refusal ==
          "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 7\r\n"
          "Content-Length: 24\r\nConnection: close\r\n\r\n503 Service Unavailable\n");
    while (!go_on.notify_one()) grove::yield();
    CHECK(first.read_through("served").ends_with("served"));
    first.socket.close();
    second.socket.close();
    while (server.server.connections() > 0) grove::yield();

    auto third = server.connect();
    third.send(get);
    while (!go_on.notify_one()) grove::yield();
    CHECK(third.read_through("served").ends_with("served"));
}

GROVE_TEST("a body that trickles is 408 when its time, and what it earned by its speed, is over") {
    TestServer server{&mirror, {.min_bytes_per_second = 100, .rate_grace = 10s}};
    const auto feed = [&](std::size_t per_second) {
        auto wire = server.connect();
        wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n");
        const auto start = grove::now();
        std::error_code ec;
        for (std::size_t sent = 0; sent < 4000 && !ec; sent += per_second) {
            grove::sleep(1s);
            grove::write(wire.socket, std::string(per_second, 'x'), ec);
        }
        return std::pair{wire.read_through("\r\n").substr(0, 12), grove::now() - start};
    };
    const auto [slow, took] = feed(10);
    CHECK(slow == "HTTP/1.1 408");
    CHECK(took >= 10s);
    CHECK(feed(200).first == "HTTP/1.1 200");
}

GROVE_TEST("a grace without end forgives any speed") {
    TestServer server{&mirror, {.rate_grace = std::chrono::milliseconds::max()}};
    auto wire = server.connect();
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
        grove::sleep(20s);
        wire.send("x");
    }
    CHECK(wire.read_through("xxx").starts_with("HTTP/1.1 200 "));
}

GROVE_TEST("who takes a response too slowly loses it") {
    std::error_code ec;
    TestServer server{[&](Request&, ResponseWriter& response) {
                          while (!ec) response.write(std::string(1 << 20, 'x'), ec);
                      },
                      {.min_bytes_per_second = 1 << 20, .rate_grace = 10s}};
    auto wire = server.connect();
    wire.send(get);
    std::vector<std::byte> sip(64 * 1024);
    const auto start = grove::now();
    while (!ec) {
        grove::sleep(1s);
        std::error_code ignored;
        wire.socket.read_some(sip, ignored);
    }
    CHECK(ec == std::errc::timed_out);
    CHECK(grove::now() - start < 60s);
}

// --- the log --------------------------------------------------------------------------------------

GROVE_TEST_REAL("a line for each response, as other servers write them") {
    Scratch scratch;
    {
        TestServer server{[](Request& request, ResponseWriter& response) {
                              if (request.target == "/throw") throw std::runtime_error{"handler"};
                              if (request.target == "/pieces") response.write("abc");
                              response.write("defgh");
                          },
                          {.access_log = grove::http::AccessLog{.file = scratch / "log"}}};
        (void)server.ask("GET /a?b HTTP/1.1\r\nHost: a\r\nUser-Agent: me/1\r\nReferer: http://r/\r\n\r\n");
        (void)server.ask("GET /pieces HTTP/1.0\r\n\r\n");
        (void)server.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        (void)server.ask("GET /throw HTTP/1.1\r\nHost: a\r\n\r\n");
        (void)server.ask("nonsense\r\n\r\n");
    }
    const std::string log = grove::read_file(scratch / "log");
    const std::string start = R"(127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] )";
    const std::regex lines{start + R"re("GET /a\?b HTTP/1\.1" 200 5 "http://r/" "me/1")re" + "\n" + start +
                           R"re("GET /pieces HTTP/1\.0" 200 8 "-" "-")re" + "\n" + start +
                           R"re("HEAD / HTTP/1\.1" 200 0 "-" "-")re" + "\n" + start +
                           R"re("GET /throw HTTP/1\.1" 500 26 "-" "-")re" + "\n" + start +
                           R"re("-" 400 16 "-" "-")re" + "\n"};
    CHECK_MESSAGE(std::regex_match(log, lines), log);
}

TEST_CASE("nobody forges a line of the log") {
    grove::http::Request request{.method = "GET", .target = "/\"\\\x7f\xc3\xa9"};
    request.headers.set("User-Agent", "a\" 200\tb");
    const auto line = grove::detail::access_log_line({.peer = grove::net::Endpoint::parse("1.2.3.4:5"),
                                                      .request = request,
                                                      .http11 = true,
                                                      .status = 200,
                                                      .bytes = 1},
                                                     grove::http::AccessLogFormat::combined);
    CHECK(line.starts_with("1.2.3.4 - - ["));
    CHECK(line.ends_with(R"( "GET /\x22\x5C\x7F\xC3\xA9 HTTP/1.1" 200 1 "-" "a\x22 200\x09b")"));
}

TEST_CASE("a log that cannot be written to is refused at once") {
    CHECK_THROWS_AS((grove::detail::AccessLogFile{grove::http::AccessLog{.file = "/proc/none/log"}}),
                    std::system_error);
}

TEST_SUITE_END();
