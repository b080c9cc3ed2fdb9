#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/http/client.hpp>
#include <grove/http/server.hpp>

#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using grove::http::Client;
using grove::http::Headers;
using grove::http::Request;
using grove::http::Response;
using grove::http::ResponseWriter;
using grove::testing::patience;
using grove::testing::ScriptedServer;
using grove::testing::TestServer;
using grove::testing::Wire;

namespace {

void mirror(Request& request, ResponseWriter& response) {
    response.headers.set("X-Method", request.method);
    response.headers.set("X-Host", request.headers.get("host").value_or(""));
    response.send(request.target + " " + request.body.read_all());
}

/// What a client makes of this answer.
Response response_to(std::string_view method, const std::string& answer, std::error_code& ec) {
    ScriptedServer server{[&](Wire& wire, int) {
        (void)wire.read_through("\r\n\r\n");
        wire.send(answer);
    }};
    Client client{{.max_header_bytes = 1000, .max_body_bytes = 1000}};
    return client.request(method, server.url("/"), {}, {}, ec, patience);
}

std::error_code failure_of(const std::string& answer) {
    std::error_code ec;
    const Response response = response_to("GET", answer, ec);
    CHECK(response.body.empty());
    return ec;
}

}  // namespace

TEST_SUITE_BEGIN("http/client");

GROVE_TEST_REAL("get and post bring back status, fields and body") {
    TestServer server{&mirror};
    Client client;
    const Response got = client.get(server.url("/a?b=c#d"));
    CHECK(got.status == 200);
    CHECK(got.headers.get("x-method") == "GET");
    CHECK("http://" + std::string{*got.headers.get("x-host")} == server.url(""));
    CHECK(got.body == "/a?b=c ");

    CHECK(client.post(server.url("/form"), "x=y").body == "/form x=y");
    const std::string large(1'000'000, 'x');
    CHECK(client.post(server.url("/"), large).body == "/ " + large);
}

GROVE_TEST_REAL("a status of 4xx or 5xx, or a redirect nobody follows, is a response") {
    TestServer server{[](Request& request, ResponseWriter& response) {
        response.status = std::stoi(request.target.substr(1));
        response.headers.set("Location", "/elsewhere");
        response.send("body");
    }};
    Client client{{.max_redirects = 0}};
    for (const int status : {301, 404, 503}) {
        const Response response = client.get(server.url("/" + std::to_string(status)));
        CHECK(response.status == status);
        CHECK(response.headers.get("Location") == "/elsewhere");
        CHECK(response.body == "body");
    }
}

GROVE_TEST_REAL("a request is sent as it was meant, and the framing is the client's") {
    std::string seen;
    ScriptedServer server{[&](Wire& wire, int) {
        seen = wire.read_through("\r\n\r\nab");
        wire.send("HTTP/1.1 204 No Content\r\n\r\n");
    }};
    Headers headers;
    headers.add("Accept", "*/*");
    headers.add("Content-Length", "99");
    headers.add("Transfer-Encoding", "chunked");
    Client client;
    CHECK(client.request("PURGE", server.url("?q"), headers, "ab").status == 204);
    CHECK(seen == "PURGE /?q HTTP/1.1\r\nHost: " + server.listener.local().to_string() +
                      "\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nContent-Length: 2\r\n\r\nab");

    headers.set("Host", "example.org");
    client.request("GET", server.url("/"), headers, "ab");
    CHECK(seen.starts_with(
        "GET / HTTP/1.1\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nHost: example.org\r\n"));
}

GROVE_TEST_REAL("a body ends where the response says so") {
    std::error_code ec;
    CHECK(response_to("GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", ec).body == "abc");
    CHECK(response_to(
              "GET",
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nT: t\r\n\r\n",
              ec)
              .body == "abc");
    CHECK(response_to("GET", "HTTP/1.1 200 OK\r\n\r\nabc", ec).body == "abc");
    CHECK(response_to("GET", "HTTP/1.0 200 OK\r\nContent-Type: a\r\n\r\nabc", ec).body == "abc");
    CHECK(response_to("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", ec)
              .headers.get("content-length") == "3");
    CHECK(response_to("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", ec).status == 204);
    CHECK(response_to("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", ec).status == 304);
    CHECK(response_to("GET",
                      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 "
                      "OK\r\nContent-Length: 1\r\n\r\na",
                      ec)
              .body == "a");
    CHECK_FALSE(ec);
}

GROVE_TEST_REAL("a response reads the same wherever it is split") {
    const std::string answer =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
        "chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n";
    std::size_t split = 1;
    ScriptedServer server{[&](Wire& wire, int) {
        while (!wire.read_through("\r\n\r\n").empty()) {
            wire.send(answer.substr(0, split));
            for (int i = 0; i < 3; ++i) grove::yield();
            wire.send(answer.substr(split));
        }
    }};
    Client client;
    for (; split < answer.size(); ++split) {
        CAPTURE(split);
        REQUIRE(client.get(server.url("/"), patience).body == "hello");
    }
    CHECK(server.connections == 1);
}

// --- failures -------------------------------------------------------------------------------------

GROVE_TEST_REAL("an answer that is broken, too long or cut off is an error") {
    using std::errc;
    const std::string head = "HTTP/1.1 200 OK\r\n";
    const std::string long_body(1001, 'x');
    CHECK(failure_of("SSH-2.0-OpenSSH\r\n\r\n") == grove::Errc::bad_message);
    CHECK(failure_of("HTTP/1.1 101 Switching Protocols\r\n\r\n") == grove::Errc::bad_message);
    CHECK(failure_of(head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n") == grove::Errc::bad_message);
    CHECK(failure_of(head + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na") ==
          grove::Errc::bad_message);
    CHECK(failure_of("") == grove::Errc::eof);
    CHECK(failure_of(head) == grove::Errc::eof);
    CHECK(failure_of(head + "Content-Length: 3\r\n\r\nab") == grove::Errc::eof);
    CHECK(failure_of(head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n") == grove::Errc::eof);
    CHECK(failure_of(head + "A: " + long_body + "\r\n\r\n") == errc::message_size);
    CHECK(failure_of(head + "Content-Length: 1001\r\n\r\n") == errc::message_size);
    CHECK(failure_of(head + "Transfer-Encoding: chunked\r\n\r\n3E9\r\n" + long_body + "\r\n0\r\n\r\n") ==
          errc::message_size);
    CHECK(failure_of(head + "\r\n" + long_body) == errc::message_size);
}

GROVE_TEST_REAL("what cannot be asked is refused before anything is sent") {
    Client client;
    std::error_code ec;
    for (const std::string url : {"",
                                  "/path",
                                  "example.org",
                                  "http:///path",
                                  "http://a b/",
                                  "http://a:99999/",
                                  "http://a:0/",
                                  "http://a/b c",
                                  "http://[::1/",
                                  "http://a/\r\nX: y"}) {
        CAPTURE(url);
        (void)client.get(url, ec);
        CHECK(ec == std::errc::invalid_argument);
    }
    (void)client.request("GET / HTTP/1.1\r\nX: y\r\n", "http://a/", {}, {}, ec);
    CHECK(ec == std::errc::invalid_argument);
    (void)client.get("ftp://example.org/", ec);
    CHECK(ec == std::errc::protocol_not_supported);
    CHECK_THROWS_WITH(client.get("ftp://example.org/"),
                      "http: GET ftp://example.org/: Protocol not supported");
}

GROVE_TEST_REAL("a refused connection is the system's error, with the URL") {
    std::string url;
    {
        TestServer server{&mirror};
        url = server.url("/x");
    }
    Client client;
    std::error_code ec;
    (void)client.get(url, ec, patience);
    CHECK(ec == std::errc::connection_refused);
    CHECK_THROWS_WITH_AS(client.get(url), doctest::Contains(("GET " + url).c_str()), std::system_error);
}

GROVE_TEST("the deadline covers the whole request, and the connection is given up") {
    int accepted = 0;
    ScriptedServer server{[&](Wire& wire, int n) {
        accepted = n;
        (void)wire.read_through("\r\n\r\n");
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        for (std::error_code ec; !ec; grove::sleep(400ms))
            grove::write(wire.socket, std::string_view{"x"}, ec);
    }};
    Client client;
    std::error_code ec;
    for (int i = 1; i <= 2; ++i) {
        const auto start = grove::now();
        (void)client.get(server.url("/"), ec, 3s);
        CHECK(ec == std::errc::timed_out);
        CHECK(grove::now() - start == 3s);
        CHECK(accepted == i);
    }
    grove::sleep(1s);
}

GROVE_TEST_REAL("an answer counts though the server did not want the whole request") {
    TestServer server{&mirror, {.max_body_bytes = 1000}};
    Client client;
    std::error_code ec;
    const Response response = client.post(server.url("/"), std::string(500'000, 'x'), {}, ec, patience);
    CHECK_FALSE(ec);
    CHECK(response.status == 413);
}

TEST_SUITE_END();
