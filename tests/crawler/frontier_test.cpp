#include <grove/core/runtime.hpp>
#include <grove/io/stream.hpp>
#include <grove/sync/group.hpp>

#include "crawler/memory_frontier.hpp"
#include "crawler/redis_frontier.hpp"
#include "crawler/redis_server.hpp"
#include "crawler/sqlite_frontier.hpp"
#include "http/wire.hpp"
#include "io/scratch.hpp"
#include "support/grove_test.hpp"

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using crawler::Frontier;
using crawler::Mark;
using crawler::Page;
using crawler::Target;
using crawler::Visit;
using grove::testing::RedisServer;
using grove::testing::Scratch;
using Urls = std::vector<std::string>;

namespace {

std::vector<Target> targets(const Urls& urls, unsigned depth = 0) {
    std::vector<Target> result;
    for (const auto& url : urls) result.push_back({url, depth, 1, "http://h/from"});
    return result;
}

Urls urls_of(const std::vector<Page>& pages) {
    Urls urls;
    for (const auto& page : pages) urls.push_back(page.url);
    return urls;
}

Visit visit(const Page& page, const Urls& found = {}) {
    return {.page = page, .found = targets(found, page.depth + 1)};
}

void finish(Frontier& frontier, const Page& page, const Urls& found = {}) {
    const std::vector<Visit> visits{visit(page, found)};
    frontier.commit(visits, {});
}

// --- what all of them promise ---------------------------------------------------------------------

void gives_each_page_once(Frontier& frontier) {
    frontier.add(targets({"http://h/1", "http://h/2", "http://h/1"}));
    CHECK_FALSE(frontier.finished());
    auto pages = frontier.take(10);
    CHECK(urls_of(pages) == Urls{"http://h/1", "http://h/2"});
    CHECK(pages[1].depth == 0);
    CHECK(pages[1].redirects == 1);
    CHECK(pages[1].referrer == "http://h/from");
    CHECK(frontier.take(10).empty());

    finish(frontier, pages[0], {"http://h/2", "http://h/1", "http://h/3"});
    CHECK_FALSE(frontier.finished());
    const auto more = frontier.take(10);
    CHECK(urls_of(more) == Urls{"http://h/3"});
    CHECK(more[0].depth == 1);
    finish(frontier, pages[1]);
    finish(frontier, more[0]);
    CHECK(frontier.finished());
    CHECK(frontier.waiting() == 0);
    CHECK(frontier.take(10).empty());
}

void gives_no_more_than_asked_for(Frontier& frontier) {
    frontier.add(targets({"http://h/1", "http://h/2", "http://h/3"}));
    CHECK(frontier.take(2).size() == 2);
    CHECK(frontier.take(2).size() == 1);
}

void claims_a_content_once(Frontier& frontier) {
    CHECK(frontier.claim_content("digest", "http://h/1"));
    CHECK(frontier.claim_content("digest", "http://h/1"));
    CHECK_FALSE(frontier.claim_content("digest", "http://h/2"));
    CHECK(frontier.claim_content("another", "http://h/2"));
}

void knows_so_many_urls(Frontier& frontier) {  // made with a limit of 3
    frontier.add(targets({"http://h/1", "http://h/2"}));
    const auto pages = frontier.take(10);
    finish(frontier, pages[0], {"http://h/2", "http://h/3", "http://h/4", "http://h/1", "http://h/5"});
    CHECK(urls_of(frontier.take(10)) == Urls{"http://h/3"});
    (void)frontier.take(10);
    CHECK(frontier.dropped() == 2);
}

void keeps_all_promises(const std::function<std::unique_ptr<Frontier>(std::size_t max_urls)>& make) {
    for (const auto law : {&gives_each_page_once, &gives_no_more_than_asked_for, &claims_a_content_once}) {
        law(*make(1000));
    }
    knows_so_many_urls(*make(3));
}

}  // namespace

TEST_SUITE_BEGIN("crawler/frontier");

GROVE_TEST_REAL("in memory") {
    keeps_all_promises([](std::size_t max) { return std::make_unique<crawler::MemoryFrontier>(max); });
}

GROVE_TEST_REAL("in a file") {
    const Scratch scratch;
    int n = 0;
    keeps_all_promises([&](std::size_t max) {
        return std::make_unique<crawler::SqliteFrontier>(scratch / std::to_string(++n), max, false);
    });
}

GROVE_TEST_REAL("in Redis") {
    const RedisServer server;
    int n = 0;
    keeps_all_promises([&](std::size_t max) {
        return std::make_unique<crawler::RedisFrontier>(crawler::RedisFrontier::Options{
            .url = server.url(), .name = std::to_string(++n), .max_urls = max});
    });
}

GROVE_TEST_REAL("a file goes on where it stopped: what was not done waits again") {
    const Scratch scratch;
    const std::vector<Mark> marks{{"list", 10}, {"warc", 1ULL << 40}};
    {
        crawler::SqliteFrontier frontier{scratch / "state", 100, true};
        CHECK_FALSE(frontier.mark_of("list"));
        frontier.add(targets({"http://h/1", "http://h/2"}));
        const auto pages = frontier.take(10);
        const std::vector<Visit> done{visit(pages[0], {"http://h/3"})};
        frontier.commit(done, marks);
        CHECK_THROWS_AS((crawler::SqliteFrontier{scratch / "state", 100, true}), std::runtime_error);
    }
    crawler::SqliteFrontier frontier{scratch / "state", 100, true};
    CHECK(frontier.done() == 1);
    CHECK(frontier.mark_of("list") == 10);
    CHECK(frontier.mark_of("warc") == 1ULL << 40);
    frontier.add(targets({"http://h/1"}));
    CHECK(frontier.waiting() == 2);
    CHECK(urls_of(frontier.take(10)) == Urls{"http://h/2", "http://h/3"});
}

GROVE_TEST_REAL("a file that is no state is named") {
    const Scratch scratch;
    grove::testing::put(scratch / "text", std::string(5000, 'x'));
    CHECK_THROWS_AS((crawler::SqliteFrontier{scratch / "text", 100, false}), std::runtime_error);
    CHECK_THROWS_AS((crawler::SqliteFrontier{scratch / "none" / "x", 100, false}), std::runtime_error);
}

// --- several crawlers -----------------------------------------------------------------------------

namespace {

struct Shared {
    RedisServer server{};
    std::chrono::milliseconds lease{60'000};

    [[nodiscard]] std::unique_ptr<crawler::RedisFrontier> join() const {
        return std::make_unique<crawler::RedisFrontier>(
            crawler::RedisFrontier::Options{.url = server.url(), .lease = lease});
    }
};

/// What comes from one goes to the other, as long as it may.
void pump(grove::net::Socket& from, grove::net::Socket& to, const std::function<bool()>& may) {
    std::array<std::byte, 1024> buffer;
    std::error_code ec;
    for (;;) {
        const std::size_t n = from.read_some(buffer, ec);
        if (n == 0 || !may()) return;
        grove::write(to, std::span{buffer}.first(n), ec);
    }
}

/// The pages, as soon as there are some.
std::vector<Page> await_pages(Frontier& frontier) {
    const grove::Deadline patience{grove::Clock::now() + 20s};
    while (!patience.passed()) {
        if (auto pages = frontier.take(10); !pages.empty()) return pages;
    }
    return {};
}

}  // namespace

GROVE_TEST_REAL("crawlers that share get different pages, and are finished together") {
    const Shared shared;
    const auto one = shared.join();
    const auto two = shared.join();
    one->add(targets({"http://h/1", "http://h/2"}));
    two->add(targets({"http://h/2", "http://h/3"}));
    const auto first = one->take(2);
    const auto second = two->take(2);
    CHECK(urls_of(first) == Urls{"http://h/1", "http://h/2"});
    CHECK(urls_of(second) == Urls{"http://h/3"});
    finish(*one, first[0]);
    finish(*one, first[1]);
    CHECK_FALSE(one->finished());
    finish(*two, second[0]);
    CHECK(one->finished());
}

GROVE_TEST_REAL("pages of a crawler that died go to another when their lease has run out") {
    const Shared shared{.lease = 200ms};
    auto dying = shared.join();
    dying->add(targets({"http://h/1", "http://h/2"}));
    const auto lost = dying->take(2);
    finish(*dying, lost[0]);
    dying.reset();
    const auto heir = shared.join();
    const auto pages = await_pages(*heir);
    CHECK(urls_of(pages) == Urls{"http://h/2"});
    finish(*heir, pages.at(0));
    CHECK(heir->finished());
}

GROVE_TEST_REAL("pages of a crawler that died are found behind those of one that lives") {
    const Shared shared{.lease = 500ms};
    const auto living = shared.join();
    Urls urls;
    for (int i = 0; i < 150; ++i) urls.push_back("http://h/" + std::to_string(i));
    living->add(targets(urls));
    CHECK(living->take(150).size() == 150);
    auto dying = shared.join();
    dying->add(targets({"http://h/lost"}));
    CHECK(dying->take(1).size() == 1);
    dying.reset();

    const auto heir = shared.join();
    const grove::Deadline patience{grove::Clock::now() + 20s};
    bool found = false;
    while (!found && !patience.passed()) {
        for (const Page& page : heir->take(10)) found |= page.url == "http://h/lost";
    }
    CHECK(found);
}

GROVE_TEST_REAL("who comes back after its lease does not get its page twice into the books") {
    const Shared shared;
    const auto sleeper = shared.join();
    sleeper->add(targets({"http://h/1"}));
    std::vector<Visit> visits{visit(sleeper->take(1).at(0))};
    crawler::Redis redis{shared.server.url()};
    const auto stolen = redis.run({"XAUTOCLAIM", "{crawl}:pages", "crawlers", "heir", "0", "0-0"});
    CHECK(stolen.items.at(1).items.size() == 1);
    sleeper->confirm(visits);
    CHECK(visits.empty());
}

GROVE_TEST_REAL("who loses a page after it was confirmed cannot commit it, nor marks") {
    const Shared shared;
    const auto sleeper = shared.join();
    sleeper->add(targets({"http://h/1", "http://h/2"}));
    const auto pages = sleeper->take(2);
    std::vector<Visit> visits{visit(pages[0]), visit(pages[1], {"http://h/3"})};
    sleeper->confirm(visits);
    REQUIRE(visits.size() == 2);
    crawler::Redis redis{shared.server.url()};
    (void)redis.run({"XCLAIM", "{crawl}:pages", "crawlers", "heir", "0", pages[0].id});

    const std::vector<Mark> marks{{"list", 7}};
    CHECK_THROWS_AS(sleeper->commit(visits, marks), crawler::PagesLost);
    CHECK_FALSE(sleeper->mark_of("list"));
    CHECK(sleeper->take(10).empty());
    sleeper->confirm(visits);
    REQUIRE(visits.size() == 1);
    CHECK(visits[0].page.url == "http://h/2");
    sleeper->commit(visits, marks);
    CHECK(sleeper->mark_of("list") == 7);
    CHECK(urls_of(sleeper->take(10)) == Urls{"http://h/3"});
}

GROVE_TEST_REAL("leases are renewed as long as the crawler lives") {
    const Shared shared{.lease = 200ms};
    const auto slow = shared.join();
    slow->add(targets({"http://h/1"}));
    (void)slow->take(1);
    crawler::Redis redis{shared.server.url()};
    const auto idle_time = [&] {
        return redis.run({"XPENDING", "{crawl}:pages", "crawlers", "-", "+", "1"})
            .items.at(0)
            .items.at(2)
            .integer;
    };
    std::int64_t before = 0;
    std::int64_t now = 0;
    const grove::Deadline patience{grove::Clock::now() + 20s};
    do {
        before = std::exchange(now, idle_time());
    } while (now >= before && !patience.passed());
    CHECK(now < before);
}

GROVE_TEST_REAL("a crawler that stops gives back what it took") {
    const Shared shared;
    const auto one = shared.join();
    one->add(targets({"http://h/1", "http://h/2"}));
    const auto pages = one->take(2);
    finish(*one, pages[0]);
    one->release();
    const auto two = shared.join();
    const auto rest = two->take(2);
    REQUIRE(urls_of(rest) == Urls{"http://h/2"});
    CHECK(rest[0].referrer == "http://h/from");
    finish(*two, rest[0]);
    CHECK(one->finished());
}

GROVE_TEST_REAL("a broken connection is made anew") {
    const Shared shared;
    const auto frontier = shared.join();
    frontier->add(targets({"http://h/1"}));
    crawler::Redis other{shared.server.url()};
    (void)other.run({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    const auto pages = frontier->take(1);
    REQUIRE(pages.size() == 1);
    (void)other.run({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    const std::vector<Mark> marks{{"list", 7}};
    frontier->commit(std::vector<Visit>{visit(pages[0])}, marks);
    CHECK(frontier->mark_of("list") == 7);
    CHECK(frontier->finished());
}

GROVE_TEST_REAL("a commit whose reply is lost is done once") {
    const RedisServer server;
    bool cut = false;
    grove::testing::ScriptedServer proxy{[&](grove::testing::Wire& wire, int) {
        grove::testing::Wire redis{grove::net::Endpoint::parse(server.address())};
        grove::Group requests;
        requests.spawn([&] { pump(wire.socket, redis.socket, [] { return true; }); });
        pump(redis.socket, wire.socket, [&] { return !std::exchange(cut, false); });
    }};
    crawler::RedisFrontier frontier{{.url = "redis://" + proxy.listener.local().to_string() + "/1"}};
    frontier.add(targets({"http://h/1"}));
    const auto pages = frontier.take(10);
    const std::vector<Mark> marks{{"list", 7}};
    cut = true;
    frontier.commit(std::vector<Visit>{visit(pages.at(0), {"http://h/2"})}, marks);
    CHECK_FALSE(cut);
    CHECK(proxy.connections == 2);
    CHECK(frontier.mark_of("list") == 7);
    const auto next = frontier.take(10);
    CHECK(urls_of(next) == Urls{"http://h/2"});
    finish(frontier, next.at(0));
    CHECK(frontier.finished());
}

GROVE_TEST_REAL("a server that still loads its data, or is busy with a script of others, is waited for") {
    for (const std::string refusal : {"LOADING Redis is loading the dataset in memory",
                                      "BUSY Redis is busy running a script. You can only call SCRIPT KILL",
                                      "TRYAGAIN Multiple keys request during rehashing of slot",
                                      "MASTERDOWN Link with MASTER is down"}) {
        grove::testing::ScriptedServer server{[&](grove::testing::Wire& wire, int n) {
            (void)wire.read_through("PING\r\n");
            wire.send(n < 2 ? "-" + refusal + "\r\n" : "+PONG\r\n");
        }};
        crawler::Redis redis{"redis://" + server.listener.local().to_string()};
        CHECK(redis.run({"PING"}).text == "PONG");
        CHECK(server.connections == 2);
    }
}

GROVE_TEST_REAL("a page with very many links is no script that keeps Redis from others") {
    const Shared shared;
    const auto frontier = shared.join();
    frontier->add(targets({"http://h/"}));
    const auto pages = frontier->take(1);
    REQUIRE(pages.size() == 1);
    Urls urls;
    for (int i = 0; i < 12'000; ++i) urls.push_back("http://h/" + std::to_string(i));
    crawler::Redis other{shared.server.url()};
    (void)other.run({"CONFIG", "RESETSTAT"});
    finish(*frontier, pages[0], urls);
    const std::string statistics = other.run({"INFO", "commandstats"}).text;
    CHECK(statistics.find("cmdstat_eval:calls=4,") != std::string::npos);
    CHECK(frontier->take(20'000).size() == urls.size());
}

GROVE_TEST_REAL("what Redis refuses is an error, also within a transaction") {
    const Shared shared;
    const auto frontier = shared.join();
    frontier->add(targets({"http://h/1"}));
    const auto pages = frontier->take(1);
    crawler::Redis other{shared.server.url()};
    (void)other.run({"SET", "{crawl}:marks", "a string, not a hash"});
    const std::vector<Mark> marks{{"list", 7}};
    CHECK_THROWS_AS(frontier->commit(std::vector<Visit>{visit(pages[0])}, marks), std::runtime_error);
    CHECK_THROWS_AS((crawler::Redis{"http://127.0.0.1/"}), std::invalid_argument);
    for (const char* url : {"redis://127.0.0.1/x", "redis://127.0.0.1:99999/", "redis://127.0.0.1:0/"}) {
        CHECK_THROWS_AS(crawler::Redis{url}, std::invalid_argument);
    }
}

TEST_SUITE_END();
