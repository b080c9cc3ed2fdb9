#include "crawler/robots.hpp"

#include "crawler/fetch.hpp"
#include "crawler/robots_cache.hpp"
#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <chrono>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using crawler::Robots;

namespace {

bool allows(const std::string& text, std::string_view target, std::string_view product = "our-bot/1.0 (x)") {
    return Robots::parse(text, product).allows(target);
}

}  // namespace

TEST_SUITE_BEGIN("crawler/robots");

TEST_CASE("the longest pattern decides, and of equals the one that allows") {
    const std::string rules =
        "User-agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /a/b/c\nAllow: /x\nDisallow: /x\n";
    CHECK(allows(rules, "/"));
    CHECK_FALSE(allows(rules, "/a"));
    CHECK_FALSE(allows(rules, "/abc"));
    CHECK(allows(rules, "/a/b"));
    CHECK_FALSE(allows(rules, "/a/b/c/d"));
    CHECK(allows(rules, "/x/y"));
}

TEST_CASE("wildcards and the end") {
    const auto allowed = [](const std::string& pattern, std::string_view target) {
        return allows("User-agent: *\nDisallow: " + pattern + "\n", target);
    };
    CHECK_FALSE(allowed("/*.gif$", "/dir/a.gif"));
    CHECK(allowed("/*.gif$", "/dir/a.gif?x"));
    CHECK_FALSE(allowed("/*.gif$", "/a.gif.gif"));
    CHECK_FALSE(allowed("/*.gif", "/a.gif?x"));
    CHECK_FALSE(allowed("/a*b*c", "/axxbxxc"));
    CHECK(allowed("/a*b*c", "/axxcxxb"));
    CHECK_FALSE(allowed("/exact$", "/exact"));
    CHECK(allowed("/exact$", "/exactly"));
    CHECK_FALSE(allowed("/*", "/anything"));
    CHECK_FALSE(allowed("*/x", "/dir/x"));
    CHECK_FALSE(allowed("/a*$", "/abc"));
    CHECK(allowed("/ab*ab$", "/ab"));
}

TEST_CASE("what is a wildcard can be written as a character") {
    const std::string rules = "User-agent: *\nDisallow: /a-%2a.html\nDisallow: /b%24\nDisallow: /c$d\n";
    CHECK_FALSE(allows(rules, "/a-*.html"));
    CHECK_FALSE(allows(rules, "/a-%2A.html"));
    CHECK(allows(rules, "/a-x.html"));
    CHECK_FALSE(allows(rules, "/b$x"));
    CHECK_FALSE(allows(rules, "/b%24"));
    CHECK(allows(rules, "/b"));
    CHECK_FALSE(allows(rules, "/c$d"));
}

TEST_CASE("percent-encoding does not hide a path") {
    const std::string rules = "User-agent: *\nDisallow: /caf\xc3\xa9\nDisallow: /%7Ejoe\nDisallow: /a%2fb\n";
    CHECK_FALSE(allows(rules, "/caf%C3%A9"));
    CHECK_FALSE(allows(rules, "/~joe/x"));
    CHECK_FALSE(allows(rules, "/a%2Fb"));
    CHECK(allows(rules, "/a/b"));
}

TEST_CASE("groups: ours count together, those of everyone if there are none") {
    const std::string rules =
        "user-agent: other\nuser-agent: OUR-BOT\ndisallow: /one\n\n"
        "User-Agent: *\nDisallow: /\n\n"
        "User-agent: our-bot\nDisallow: /two # a comment\n";
    CHECK_FALSE(allows(rules, "/one"));
    CHECK_FALSE(allows(rules, "/two"));
    CHECK(allows(rules, "/three"));
    CHECK_FALSE(allows(rules, "/three", "somebody"));
    CHECK_FALSE(allows(rules, "/one", "other"));
    CHECK(allows(rules, "/two", "other"));
}

TEST_CASE("what is odd is passed over") {
    CHECK(allows("", "/"));
    CHECK(allows("Disallow: /\nUser-agent: x\n", "/"));
    CHECK(allows("User-agent: *\nDisallow:\n", "/a"));
    CHECK(allows("<html>Disallow: /</html>", "/"));
    CHECK_FALSE(allows("\xef\xbb\xbfUser-agent:*\rDisallow:/a\r", "/a"));
    CHECK_FALSE(allows("User-agent: *\r\nnonsense\r\n  Disallow :  /a  \r\n", "/a"));
    CHECK(allows("User-agent: *\nDisallow: /\n", "/robots.txt"));
}

TEST_CASE("a sitemap does not end a group, and crawl-delay is of it") {
    const Robots robots = Robots::parse(
        "Sitemap: http://host/map.xml\nUser-agent: our-bot\nSitemap: /second.xml\n"
        "Crawl-delay: 1.5\nDisallow: /a\nUser-agent: *\nCrawl-delay: 9\n",
        "our-bot");
    CHECK(robots.sitemaps().size() == 2);
    CHECK(robots.crawl_delay() == 1500ms);
    CHECK_FALSE(robots.allows("/a"));
    for (const char* nonsense : {"-1", "nan", "inf", "soon", ""}) {
        const std::string text = "User-agent: *\nCrawl-delay: " + std::string{nonsense} + "\n";
        CHECK_FALSE(Robots::parse(text, "our-bot").crawl_delay());
    }
}

TEST_CASE("a crawl-delay does not end a run of user-agent lines, and the first one is theirs") {
    const std::string rules =
        "User-agent: a\nCrawl-delay: 1\nUser-agent: b\nCrawl-delay: 2\nUser-agent: *\nDisallow: /private\n";
    for (const char* product : {"a", "b", "c"}) CHECK_FALSE(allows(rules, "/private", product));
    CHECK(Robots::parse(rules, "a").crawl_delay() == 1s);
    CHECK(Robots::parse(rules, "b").crawl_delay() == 2s);
    CHECK_FALSE(Robots::parse(rules, "c").crawl_delay());
}

TEST_CASE("what comes after 500 KiB is not read, nor half a line") {
    std::string text = "User-agent: *\nDisallow: /first\n";
    text += std::string(Robots::max_bytes - text.size() - 20, '#') + "\n";
    text += "Disallow: /cut/in/the/middle\nDisallow: /later\n";
    const Robots robots = Robots::parse(text, "our-bot");
    CHECK_FALSE(robots.allows("/first"));
    CHECK(robots.allows("/cut/in/the/middle"));
    CHECK(robots.allows("/c"));
    CHECK(robots.allows("/later"));
}

GROVE_TEST_REAL("rules of sites that were met make room for others") {
    struct Site {
        int asked = 0;
        grove::testing::TestServer server{
            [this](grove::http::Request&, grove::http::ResponseWriter& response) {
                ++asked;
                std::string rules = "User-agent: *\n";
                for (int i = 0; i < 1000; ++i) rules += "Disallow: /" + std::to_string(i) + "\n";
                response.send(rules);
            }};
    };
    Site one;
    Site two;
    crawler::Fetcher fetcher{{}};
    const auto ask_both = [&](std::size_t bytes) {
        crawler::RobotsCache cache{fetcher, bytes};
        for (int i = 0; i < 3; ++i) {
            for (Site* site : {&one, &two}) {
                CHECK_FALSE(cache.of(site->server.url("/"))->rules.allows("/999"));
            }
        }
        return std::exchange(one.asked, 0) + std::exchange(two.asked, 0);
    };
    CHECK(ask_both(1 << 20) == 2);
    CHECK(ask_both(10'000) == 6);
}

TEST_CASE("how long a server wants to be left alone") {
    const auto pause = [](const std::string& text) {
        crawler::Fetched fetched;
        fetched.headers.set("Retry-After", text);
        return crawler::retry_after(fetched);
    };
    CHECK(pause("7") == 7s);
    CHECK(pause("7200") == 1h);
    CHECK(pause("99999999999999999999999") == 1h);
    CHECK(pause("Sun, 06 Nov 1994 08:49:37 GMT") == 0s);
    CHECK(pause("Sat, 06 Nov 2100 08:49:37 GMT") == 1h);
    CHECK(pause("soon") == 0s);
    CHECK(pause("-7") == 0s);
    CHECK(pause("") == 0s);
}

TEST_SUITE_END();
