#include <grove/http/router.hpp>

#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <stdexcept>
#include <string>
#include <string_view>

using namespace std::string_literals;
using grove::http::Next;
using grove::http::Request;
using grove::http::ResponseWriter;
using grove::http::Router;
using grove::testing::TestServer;
using grove::testing::undated;

namespace {

/// A handler that says its name and the parameters it was given.
auto say(const std::string& name, const std::vector<std::string>& parameters = {}) {
    return [name, parameters](Request& request, ResponseWriter& response) {
        std::string text = name;
        for (const auto& each : parameters) text.append(" ").append(request.parameters.at(each));
        response.send(text);
    };
}

std::string body_of(const std::string& response) {
    return response.substr(response.find("\r\n\r\n") + 4);
}

std::string ask(TestServer& server, std::string_view method, std::string_view target) {
    return undated(server.ask(std::string{method} + " " + std::string{target} +
                              " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
}

}  // namespace

TEST_SUITE_BEGIN("http/router");

GROVE_TEST_REAL("a request goes to the handler of its path, a literal before a parameter before a rest") {
    Router router;
    router.get("/users/{id}", say("user", {"id"}))
        .get("/users/me", say("me"))
        .get("/users/{id}/posts/{post}", say("post", {"post", "id"}))
        .get("/users/{rest...}", say("rest", {"rest"}))
        .get("/", say("root"));
    TestServer server{std::move(router)};

    for (const auto& [target, answer] : {std::pair{"/", "root"},
                                         {"/?q=1", "root"},
                                         {"/users/me", "me"},
                                         {"/users/7", "user 7"},
                                         {"/users/me/posts/3", "post 3 me"},
                                         {"/users/7/posts/3?a=/b", "post 3 7"},
                                         {"/users/7/photos/3", "rest 7/photos/3"},
                                         {"/users/", "rest "},
                                         {"http://a/users/7", "user 7"},
                                         {"/users/a%20b%2Fc", "user a b/c"}}) {
        const std::string shown{target};  // a lambda cannot take the binding itself
        CHECK_MESSAGE(body_of(ask(server, "GET", target)) == answer, shown);
    }
    for (const auto target : {"/users", "/nobody", "//", "/users/me%2Fposts%2F3/"}) {
        CAPTURE(target);
        const auto response = ask(server, "GET", target);
        CHECK(response.starts_with(target == "/users/me%2Fposts%2F3/"s ? "HTTP/1.1 200 " : "HTTP/1.1 404 "));
    }
    CHECK(ask(server, "GET", "/%zz").starts_with("HTTP/1.1 400 "));
}

GROVE_TEST_REAL("methods: 405 with Allow, HEAD by GET's handler, OPTIONS by the router") {
    Router router;
    router.get("/a", say("get")).post("/a", say("post")).remove("/{any}", say("delete"));
    router.add("OPTIONS", "/own", say("own options"));
    TestServer server{std::move(router)};

    CHECK(body_of(ask(server, "POST", "/a")) == "post");
    CHECK(body_of(ask(server, "DELETE", "/a")) == "delete");
    const auto refused = ask(server, "PATCH", "/a");
    CHECK(refused.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
    CHECK(refused.find("\r\nAllow: DELETE, GET, HEAD, OPTIONS, POST\r\n") != std::string::npos);
    CHECK(ask(server, "HEAD", "/a") == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n");
    CHECK(ask(server, "OPTIONS", "/a")
              .starts_with("HTTP/1.1 204 No Content\r\nAllow: DELETE, GET, HEAD, OPTIONS, POST\r\n"));
    CHECK(body_of(ask(server, "OPTIONS", "/own")) == "own options");
    CHECK(ask(server, "OPTIONS", "*").starts_with("HTTP/1.1 204 No Content\r\nAllow: OPTIONS\r\n"));
    CHECK(ask(server, "OPTIONS", "/none/at/all").starts_with("HTTP/1.1 404 "));
}

GROVE_TEST_REAL("middleware runs around routes and refusals, the first outermost, and may answer itself") {
    std::string order;
    Router router;
    const auto note = [&order](char before, char after) {
        return [&order, before, after](Request& request, ResponseWriter& response, const Next& next) {
            order += before;
            next(request, response);
            order += after;
        };
    };
    router.use(note('(', ')')).use([](Request& request, ResponseWriter& response, const Next& next) {
        if (request.headers.get("secret")) return next(request, response);
        response.status = 401;
        response.send("who are you?");
    });
    router.use(note('[', ']')).get("/", grove::http::with(note('<', '>'), say("in")));
    TestServer server{std::move(router)};

    CHECK(ask(server, "GET", "/").starts_with("HTTP/1.1 401 "));
    CHECK(std::exchange(order, "") == "()");
    CHECK(body_of(server.ask("GET / HTTP/1.1\r\nHost: a\r\nSecret: 1\r\n\r\n")) == "in");
    CHECK(std::exchange(order, "") == "([<>])");
    CHECK(server.ask("GET /x HTTP/1.1\r\nHost: a\r\nSecret: 1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    CHECK(std::exchange(order, "") == "([])");
}

GROVE_TEST_REAL("parameters do not stay for the connection's next request") {
    Router router;
    router.get("/{id}", say("one", {"id"}));
    router.get("/", [](Request& request, ResponseWriter& response) {
        CHECK(request.parameters.get("id") == std::nullopt);
        CHECK_THROWS_AS((void)request.parameters.at("id"), std::out_of_range);
        response.send("none");
    });
    TestServer server{std::move(router)};
    CHECK(
        server.ask("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("none"));
}

TEST_CASE("a pattern that cannot work is refused when it is added, by name") {
    Router router;
    router.get("/a/{id}", [](Request&, ResponseWriter&) {});
    for (const auto pattern : {"", "a", "/{}", "/{...}", "/{x}/{x}", "/{x...}/b", "/a/{other}"}) {
        CAPTURE(pattern);
        CHECK_THROWS_WITH_AS(router.get(pattern, [](Request&, ResponseWriter&) {}),
                             doctest::Contains(pattern),
                             std::invalid_argument);
    }
    router.post("/a/{other}", [](Request&, ResponseWriter&) {});  // another method may name it otherwise
}

TEST_SUITE_END();
