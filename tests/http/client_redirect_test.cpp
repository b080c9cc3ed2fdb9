#include <grove/http/client.hpp>
#include <grove/http/server.hpp>

#include "http/redirect.hpp"
#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <string>
#include <system_error>

using grove::http::Client;
using grove::http::ClientErrc;
using grove::http::Headers;
using grove::http::Request;
using grove::http::ResponseWriter;
using grove::testing::patience;
using grove::testing::ScriptedServer;
using grove::testing::TestServer;
using grove::testing::Wire;

namespace {

/// "/302?there" leads there; all else says what was asked.
void redirect(Request& request, ResponseWriter& response) {
    const std::string& target = request.target;
    const auto mark = target.find('?');
    if (mark != std::string::npos) {
        response.status = std::stoi(target.substr(1, mark - 1));
        response.headers.set("Location", target.substr(mark + 1));
        return response.send("this way");
    }
    std::string said = request.method + " " + target + " " + request.body.read_all();
    for (const char* name : {"Authorization", "Cookie", "Content-Type", "X-Own"}) {
        if (const auto value = request.headers.get(name)) said.append("|").append(*value);
    }
    response.send(said);
}

Headers secrets() {
    Headers headers;
    headers.set("Authorization", "secret");
    headers.set("Cookie", "a=b");
    headers.set("Content-Type", "text/plain");
    headers.set("X-Own", "own");
    return headers;
}

}  // namespace

TEST_SUITE_BEGIN("http/client_redirect");

GROVE_TEST_REAL("a redirect changes the method as RFC 9110 has it") {
    struct Case {
        int status;
        std::string method, becomes;
    };
    TestServer server{&redirect};
    Client client;
    for (const Case& each : {Case{301, "POST", "GET /to "},
                             Case{302, "POST", "GET /to "},
                             Case{302, "PUT", "PUT /to body"},
                             Case{303, "POST", "GET /to "},
                             Case{303, "PUT", "GET /to "},
                             Case{307, "POST", "POST /to body"},
                             Case{308, "PATCH", "PATCH /to body"}}) {
        CAPTURE(each.status);
        CAPTURE(each.method);
        const std::string url = server.url("/" + std::to_string(each.status) + "?/to");
        CHECK(client.request(each.method, url, {}, "body", patience).body == each.becomes);
    }
    CHECK(client.request("HEAD", server.url("/303?/to"), {}, {}, patience).url == server.url("/to"));
    CHECK(server.server.connections() == 1);
}

GROVE_TEST_REAL("a Location may be relative, and the fragment stays unless there is a new one") {
    TestServer server{&redirect};
    Client client;
    CHECK(client.get(server.url("/301?b#part"), patience).url == server.url("/b#part"));
    CHECK(client.get(server.url("/301?/x/../c%23new#old"), patience).body == "GET /c%23new ");
    std::error_code ec;
    CHECK(grove::detail::resolve_location("http://a/b/c?d#e", "../f#g", ec) == "http://a/f#g");
    CHECK(grove::detail::resolve_location("http://a/b", "//c/d", ec) == "http://c/d");
    for (const char* bad : {"mailto:me", "/301?ftp://a/", "/301?http://"}) {
        CAPTURE(bad);
        (void)client.get(server.url(std::string{"/301?"} + bad), ec, patience);
        CHECK(ec == ClientErrc::bad_redirect);
    }
}

GROVE_TEST_REAL("credentials stay with their origin") {
    TestServer server{&redirect};
    TestServer other{&redirect};
    Client client;
    CHECK(client.request("GET", server.url("/302?/to"), secrets(), {}, patience).body ==
          "GET /to |secret|a=b|text/plain|own");
    CHECK(client.request("GET", server.url("/302?" + other.url("/to")), secrets(), {}, patience).body ==
          "GET /to |text/plain|own");

    const std::string with_user = "http://user:p%40ss@" + server.server.endpoint().to_string();
    CHECK(client.get(with_user + "/302?/to", patience).body == "GET /to |Basic dXNlcjpwQHNz");
    CHECK(client.get(with_user + "/302?" + other.url("/to"), patience).body == "GET /to ");
}

GROVE_TEST_REAL("what is thrown does not tell the password") {
    Client client;
    CHECK_THROWS_WITH(client.get("http://user:secret@127.0.0.1:0/a@b", patience),
                      doctest::Contains("GET http://127.0.0.1:0/a@b"));
    CHECK_THROWS_WITH(client.get("user:secret@nowhere", patience), doctest::Contains("GET nowhere"));
}

GROVE_TEST("a redirect whose body does not come is followed") {
    ScriptedServer server{[](Wire& wire, int n) {
        (void)wire.read_through("\r\n\r\n");
        wire.send(n == 1 ? "HTTP/1.1 302 Found\r\nLocation: /to\r\nContent-Length: 10\r\n\r\n"
                         : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        (void)wire.read_to_end();
    }};
    Client client;
    CHECK(client.get(server.url("/")).body == "ok");
}

GROVE_TEST_REAL("what goes round in circles ends") {
    int asked = 0;
    TestServer server{[&](Request&, ResponseWriter& response) {
        ++asked;
        response.status = 302;
        response.headers.set("Location", "/again");
        response.send("");
    }};
    Client client{{.max_redirects = 3}};
    std::error_code ec;
    (void)client.get(server.url("/"), ec, patience);
    CHECK(ec == ClientErrc::too_many_redirects);
    CHECK(asked == 4);
}

GROVE_TEST_REAL("a body that cannot be made again is not asked for again") {
    TestServer server{&redirect};
    Client client;
    const auto once = [n = 0](std::span<std::byte> into) mutable -> std::size_t {
        into[0] = std::byte{'x'};
        return n++ == 0 ? 1 : 0;
    };
    CHECK(
        client.open({.method = "POST", .url = server.url("/307?/to"), .produce = once}, patience).status() ==
        307);
    CHECK(
        client.open({.method = "POST", .url = server.url("/303?/to"), .produce = once}, patience).status() ==
        200);
}

TEST_SUITE_END();
