#include <grove/http/client.hpp>
#include <grove/http/cookie_jar.hpp>
#include <grove/http/server.hpp>

#include "http/cookie_date.hpp"
#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <chrono>
#include <memory>
#include <string>

using grove::http::Client;
using grove::http::CookieJar;
using grove::http::Request;
using grove::http::ResponseWriter;
using grove::testing::patience;
using grove::testing::TestServer;

TEST_SUITE_BEGIN("http/cookie_jar");

TEST_CASE("a cookie goes back to its host, or its domain, and its path") {
    CookieJar jar;
    jar.store("http://www.example.org/a/b", "own=1");
    jar.store("http://www.example.org/a/b", "all=2; Domain=.Example.org; Path=/");
    CHECK(jar.cookies_for("http://www.example.org/a/c?q") == "own=1; all=2");
    CHECK(jar.cookies_for("http://WWW.example.org/a") == "own=1; all=2");
    CHECK(jar.cookies_for("http://www.example.org/ab") == "all=2");
    CHECK(jar.cookies_for("http://example.org/a/") == "all=2");
    CHECK(jar.cookies_for("http://sub.www.example.org/a/") == "all=2");
    CHECK(jar.cookies_for("http://notexample.org/a/").empty());
    jar.store("http://www.example.org/a/b", "own=3");
    CHECK(jar.cookies_for("http://www.example.org/a/") == "own=3; all=2");
}

TEST_CASE("nobody sets cookies for others, nor for a public suffix") {
    CookieJar jar;
    for (const char* cookie : {"a=b; Domain=other.org",
                               "a=b; Domain=co.uk",
                               "a=b; Domain=www.shop.co.uk",
                               "a=b; Secure",
                               "__Secure-a=b",
                               "__Host-a=b; Path=/",
                               "=b",
                               "a=b\x01"}) {
        CAPTURE(cookie);
        jar.store("http://shop.co.uk/", cookie);
        CHECK(jar.size() == 0);
    }
    jar.store("http://127.0.0.1/", "a=b; Domain=0.0.1");
    CHECK(jar.size() == 0);
    jar.store("http://shop.co.uk/", "a=b; Domain=shop.co.uk");
    CHECK(jar.cookies_for("http://www.shop.co.uk/") == "a=b");
}

TEST_CASE("a secure cookie is for https alone") {
    CookieJar jar;
    jar.store("https://a.org/", "__Host-a=b; Secure; Path=/");
    CHECK(jar.cookies_for("https://a.org/") == "__Host-a=b");
    CHECK(jar.cookies_for("http://a.org/").empty());
}

TEST_CASE("a cookie ends with its age or its date, of which the age counts") {
    CookieJar jar;
    const std::string past = "; Expires=Sun, 06 Nov 1994 08:49:37 GMT";
    jar.store("http://a.org/", "a=1; Max-Age=100" + past);
    CHECK(jar.cookies_for("http://a.org/") == "a=1");
    jar.store("http://a.org/", "a=1" + past);
    CHECK(jar.size() == 0);
    jar.store("http://a.org/", "a=1; Max-Age=99999999999999999999");
    jar.store("http://a.org/", "b=1; Expires=Fri, 31-Dec-99 23:59:59 GMT");
    CHECK(jar.size() == 1);
    jar.store("http://a.org/", "a=; Max-Age=0");
    CHECK(jar.size() == 0);
}

TEST_CASE("dates are read in all their formats") {
    using std::chrono::system_clock;
    const auto expected = system_clock::time_point{std::chrono::seconds{784111777}};
    for (const char* text :
         {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
        CHECK(grove::detail::parse_cookie_date(text) == expected);
    }
    for (const char* text : {"", "tomorrow", "06 Nov 1994", "31 Feb 1994 08:49:37", "06 Nov 1994 24:00:00"}) {
        CHECK_FALSE(grove::detail::parse_cookie_date(text));
    }
}

TEST_CASE("a jar holds so many and no more") {
    CookieJar jar{{.max_cookies = 3, .max_per_domain = 2, .max_cookie_bytes = 10}};
    for (const char* name : {"a", "b", "c"}) jar.store("http://one.org/", std::string{name} + "=1");
    CHECK(jar.cookies_for("http://one.org/") == "b=1; c=1");
    jar.store("http://two.org/", "d=1");
    jar.store("http://three.org/", "e=1");
    CHECK(jar.size() == 3);
    CHECK(jar.cookies_for("http://one.org/") == "c=1");
    jar.store("http://four.org/", "f=0123456789");
    CHECK(jar.size() == 3);
}

GROVE_TEST_REAL("a client with a jar keeps cookies, over redirects too") {
    TestServer server{[](Request& request, ResponseWriter& response) {
        if (request.target == "/login") {
            response.status = 303;
            response.headers.add("Set-Cookie", "session=7; HttpOnly; Path=/");
            response.headers.add("Set-Cookie", "elsewhere=1; Path=/elsewhere");
            response.headers.set("Location", "/home");
        }
        response.send(request.headers.get("cookie").value_or("none"));
    }};
    Client client{{.cookies = std::make_shared<CookieJar>()}};
    CHECK(client.get(server.url("/login"), patience).body == "session=7");
    CHECK(client.get(server.url("/elsewhere/x"), patience).body == "elsewhere=1; session=7");
    CHECK(Client{}.get(server.url("/login"), patience).body == "none");
}

TEST_SUITE_END();
