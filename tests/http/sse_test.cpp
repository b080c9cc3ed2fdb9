#include <grove/base/error.hpp>
#include <grove/http/sse.hpp>

#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <stdexcept>
#include <string>
#include <system_error>

using namespace std::chrono_literals;
using grove::http::EventStream;
using grove::http::Request;
using grove::http::ResponseWriter;
using grove::testing::TestServer;

TEST_SUITE_BEGIN("http/sse");

GROVE_TEST_REAL("events leave one by one, in the standard's form") {
    grove::WaitList go_on;
    TestServer server{[&](Request&, ResponseWriter& response) {
        EventStream events{response};
        events.send({.data = "hello"});
        go_on.wait();
        events.send({.data = "two\nlines\r\nor\rfour\n", .event = "news", .id = "7", .retry = 1500ms});
        events.comment("still here");
        events.send({});
    }};
    auto wire = server.connect();
    wire.send("GET / HTTP/1.0\r\n\r\n");
    const auto first = wire.read_through("data: hello\n\n");
    CHECK(first.find("\r\nContent-Type: text/event-stream\r\n") != std::string::npos);
    CHECK(first.find("\r\nCache-Control: no-cache\r\n") != std::string::npos);
    CHECK(first.ends_with("\r\n\r\ndata: hello\n\n"));
    go_on.notify_one();
    CHECK(wire.read_to_end() ==
          "event: news\nid: 7\nretry: 1500\ndata: two\ndata: lines\ndata: or\ndata: four\ndata: \n\n"
          ": still here\n\n"
          "data: \n\n");
}

GROVE_TEST_REAL("no name or id breaks out of its line") {
    TestServer server{[](Request&, ResponseWriter& response) {
        EventStream events{response};
        CHECK_THROWS_AS(events.send({.event = "a\ndata: b"}), std::invalid_argument);
        CHECK_THROWS_AS(events.send({.id = "a\rb"}), std::invalid_argument);
        CHECK_THROWS_AS(events.send({.id = std::string("a\0b", 3)}), std::invalid_argument);
        events.comment("x\ndata: y");
    }};
    CHECK(server.ask("GET / HTTP/1.0\r\n\r\n").ends_with("\r\n\r\n: x\n: data: y\n\n"));
}

GROVE_TEST_REAL("a HEAD request gets the head, and does not keep its handler") {
    int handlers = 0;
    TestServer server{[&](Request& request, ResponseWriter& response) {
        EventStream events{response};
        std::error_code ec;
        while (!ec) events.send({.data = "tick"}, ec);
        CHECK(ec == grove::Errc::closed);
        ++handlers;
        if (request.target == "/throws") events.comment();
    }};
    for (const auto target : {"/", "/throws"}) {
        const auto head = server.ask("HEAD " + std::string{target} + " HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(head.find("\r\nContent-Type: text/event-stream\r\n") != std::string::npos);
        CHECK(head.ends_with("\r\n\r\n"));
    }
    CHECK(handlers == 2);
}

GROVE_TEST("a client that has gone is noticed") {
    std::error_code ec;
    TestServer server{[&](Request&, ResponseWriter& response) {
        EventStream events{response};
        while (!ec) {
            events.comment("", ec);
            grove::sleep(1s);
        }
    }};
    {
        auto wire = server.connect();
        wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        wire.read_through(": \n\n");
    }
    while (server.server.connections() > 0) grove::sleep(1s);
    CHECK(ec);
}

TEST_SUITE_END();
