#include "crawler/hosts.hpp"

#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/group.hpp>

#include "support/grove_test.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using crawler::Hosts;

namespace {

crawler::Page page(const std::string& url) {
    return {{.url = url}};
}

/// A place that is free at once would make delays hard to see.
constexpr crawler::Politeness patient{.per_host = 1, .delay = 100ms};

}  // namespace

TEST_SUITE_BEGIN("crawler/hosts");

GROVE_TEST("two requests to a host begin a delay apart, whatever other hosts do") {
    Hosts hosts{patient};
    for (int i = 0; i < 3; ++i) {
        hosts.put(page("http://a/" + std::to_string(i)));
        hosts.put(page("http://b/" + std::to_string(i)));
    }
    const auto start = grove::now();
    for (int i = 0; i < 6; ++i) {
        CHECK(hosts.next().has_value());
        CHECK(grove::now() - start == (i / 2) * 100ms);
    }
    CHECK(hosts.waiting() == 0);
}

GROVE_TEST("a host is asked by so many at once and no more") {
    Hosts hosts{{.per_host = 2, .delay = 0ms}};
    for (const char* url : {"http://a/1", "http://a/2", "http://a/3"}) hosts.put(page(url));
    auto first = hosts.next();
    auto second = hosts.next();
    CHECK(hosts.active() == 2);
    auto third = grove::spawn([&] { return hosts.next().value().page.url; });
    CHECK_FALSE(third.join(10ms));
    first.reset();
    CHECK(third.get() == "http://a/3");
}

GROVE_TEST("those who wait longest do not keep others from a host that is ready first") {
    Hosts hosts{patient};
    std::vector<std::string> order;
    grove::Group workers;
    for (int i = 0; i < 4; ++i) {
        workers.spawn([&] {
            while (auto turn = hosts.next()) {
                order.push_back(turn->page.url);
                grove::sleep(1s);  // longer than any delay
            }
        });
    }
    grove::yield();
    for (const char* url : {"http://a/1", "http://b/1", "http://c/1"}) hosts.put(page(url));
    hosts.pause("http://b/", 50ms);
    hosts.pause("http://c/", 70ms);
    grove::sleep(100ms);
    CHECK(order == std::vector<std::string>{"http://a/1", "http://b/1", "http://c/1"});
    hosts.stop();
    workers.join();
}

GROVE_TEST("a page is tried again after its time, others of the host meanwhile") {
    Hosts hosts{{.per_host = 1, .delay = 0ms}};
    hosts.put(page("http://a/1"));
    hosts.put(page("http://a/2"));
    const auto start = grove::now();
    hosts.retry(std::move(*hosts.next()), 200ms);
    CHECK(hosts.next()->page.url == "http://a/2");
    CHECK(grove::now() == start);
    const auto again = hosts.next();
    CHECK(again->page.url == "http://a/1");
    CHECK(again->attempt == 1);
    CHECK(grove::now() - start == 200ms);
}

GROVE_TEST("a host that asks for it is left alone") {
    Hosts hosts{patient};
    hosts.put(page("http://a/1"));
    hosts.pause("http://a/", 10s);
    const auto start = grove::now();
    (void)hosts.next();
    CHECK(grove::now() - start == 10s);

    hosts.put(page("http://a/2"));
    (void)hosts.next();
    CHECK(grove::now() - start == 10s + 100ms);
}

GROVE_TEST("a delay that is learned late holds for those who have their turn already") {
    Hosts hosts{{.per_host = 3, .delay = 100ms}};
    for (int i = 0; i < 4; ++i) hosts.put(page("http://a/" + std::to_string(i)));
    const auto start = grove::now();
    std::string asked;
    std::vector<Hosts::Turn> turns;
    for (int i = 0; i < 3; ++i) turns.push_back(std::move(*hosts.next()));
    grove::sleep(1s);  // all of them wait for robots.txt
    for (auto& turn : turns) {
        const bool may = hosts.may_ask(turn, 3s);
        CHECK(may == (&turn == turns.data()));
        if (!may) hosts.put_back(std::move(turn));
    }
    turns.clear();
    CHECK(hosts.waiting() == 3);
    for (int i = 1; i < 4; ++i) {
        const auto turn = hosts.next();
        asked += turn->page.url.back();
        CHECK(hosts.may_ask(*turn, i == 1 ? 3s : 1s));  // the longest delay counts
        CHECK(grove::now() - start == 1200ms + i * 3s);
    }
    CHECK(asked == "213");
}

GROVE_TEST("pages that waited for robots.txt together do not begin together") {
    Hosts hosts{{.per_host = 2, .delay = 500ms}};
    for (const char* url : {"http://a/1", "http://a/2"}) hosts.put(page(url));
    auto first = hosts.next();
    auto second = hosts.next();
    grove::sleep(10s);
    CHECK(hosts.may_ask(*first, 0ms));
    CHECK_FALSE(hosts.may_ask(*second, 0ms));
    const auto asked = grove::now();
    hosts.put_back(std::move(*second));
    CHECK(hosts.next()->page.url == "http://a/2");
    CHECK(grove::now() - asked == 500ms);
}

GROVE_TEST("this machine has its own delay") {
    Hosts hosts{{.per_host = 1, .delay = 1h, .per_loopback_host = 3, .loopback_delay = 0ms}};
    for (int i = 0; i < 3; ++i) hosts.put(page("http://127.0.0.1:8080/" + std::to_string(i)));
    const auto start = grove::now();
    std::vector<Hosts::Turn> turns;
    for (int i = 0; i < 3; ++i) turns.push_back(std::move(*hosts.next()));
    CHECK(grove::now() == start);
}

GROVE_TEST("who waits when it is over gets nothing, and nothing is put after") {
    Hosts hosts{patient};
    auto waiting = grove::spawn([&] { return hosts.next().has_value(); });
    grove::yield();
    hosts.stop();
    CHECK_FALSE(waiting.get());
    hosts.put(page("http://a/1"));
    CHECK_FALSE(hosts.next());
}

GROVE_TEST("a killed worker gives its place back") {
    Hosts hosts{{.per_host = 1, .delay = 0ms}};
    hosts.put(page("http://a/1"));
    hosts.put(page("http://a/2"));
    auto worker = grove::spawn([&] {
        const auto turn = hosts.next();
        grove::sleep({});
    });
    grove::yield();
    worker.kill();
    CHECK(hosts.next()->page.url == "http://a/2");
}

TEST_SUITE_END();
