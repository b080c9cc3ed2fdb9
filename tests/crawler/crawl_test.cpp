#include "crawler/crawl.hpp"

#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>

#include "crawler/site.hpp"
#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using crawler::Crawl;
using crawler::MemoryFrontier;
using crawler::Visit;
using grove::http::ResponseWriter;

TEST_SUITE_BEGIN("crawler/crawl");

GROVE_TEST_REAL("a site full of traps") {
    Site site;
    site.page("/",
              link("/broken") + link("/loop/1") + link("/chain/0") + link("/busy") + link("/down") +
                  link("/huge") + link("/latin") + link("/cut") + link("/self") + link("/away") +
                  link("/none") + link("/empty"));
    site.page("/broken", "<table><a href=/from/broken <b>< a='>' <div><a href='/also'><!-- <a href=/no>");
    site.page("/also", "");
    site.redirect("/loop/1", "/loop/2");
    site.redirect("/loop/2", "/loop/1");
    site.redirect("/self", "/self");
    site.redirect("/away", "http://elsewhere.invalid/");
    for (int i = 0; i < 5; ++i)
        site.redirect("/chain/" + std::to_string(i), "/chain/" + std::to_string(i + 1));
    site.answer("/busy", [](ResponseWriter& response, int n) {
        response.status = n <= 2 ? 429 : 200;
        response.headers.set("Content-Type", "text/html");
        response.headers.set("Retry-After", "0");
        response.send(link("/after"));
    });
    site.page("/after", "");
    site.answer("/down", [](ResponseWriter& response, int) {
        response.status = 503;
        response.send("");
    });
    site.page("/huge", std::string(100'000, 'x'));
    site.answer("/latin", [](ResponseWriter& response, int) {
        response.headers.set("Content-Type", "text/html; charset=iso-8859-1");
        response.send(link("/caf\xe9"));
    });
    site.page("/caf%C3%A9", "");
    site.answer("/cut", [](ResponseWriter& response, int) {
        response.headers.set("Content-Length", "100");
        response.write("too little");
    });
    site.answer("/empty", [](ResponseWriter& response, int) { response.send(""); });

    auto options = options_for(site.url());
    options.fetch.max_body = 50'000;
    options.visit.max_redirects = 3;
    const auto pages = crawl(options);

    const std::string cut = std::error_code{grove::Errc::eof}.message();
    const std::string huge = std::make_error_code(std::errc::message_size).message();
    const Pages expected{
        {"/", "fetched"},
        {"/after", "fetched"},
        {"/also", "fetched"},
        {"/away", "redirected"},
        {"/broken", "fetched"},
        {"/busy", "fetched"},
        {"/caf%C3%A9", "fetched"},
        {"/chain/0", "redirected"},
        {"/chain/1", "redirected"},
        {"/chain/2", "redirected"},
        {"/chain/3", "failed: too many redirects"},
        {"/cut", "failed: " + cut},
        {"/down", "failed: status 503"},
        {"/empty", "fetched"},
        {"/from/broken", "dead: status 404"},
        {"/huge", "failed: " + huge},
        {"/latin", "fetched"},
        {"/loop/1", "redirected"},
        {"/loop/2", "redirected"},
        {"/none", "dead: status 404"},
        {"/self", "redirected"},
    };
    CHECK(text_of(pages) == text_of(expected));
    std::string asked;
    for (const auto& [path, hits] : site.all_hits()) {
        if (path == "/cut") continue;  // the client itself asks again on a new connection
        if (hits != 1) asked += path + " " + std::to_string(hits) + "\n";
    }
    CHECK(asked == "/busy 3\n/down 3\n");
}

GROVE_TEST_REAL("a server that never answers, and one that breaks connections") {
    ScriptedServer server{[](Wire& wire, int n) {
        const std::string request = wire.read_through("\r\n\r\n");
        if (request.find("/robots.txt") != request.npos)
            wire.send("HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n");
        if (n > 1 || request.find("/robots.txt") == request.npos) wire.socket.set_reset_on_close(true);
    }};
    auto options = options_for(server.url("/"));
    MemoryFrontier frontier{10};
    Crawl crawl{options, frontier, {}};
    CHECK_THROWS_AS(crawl.run(), std::runtime_error);
    CHECK(crawl.statistics().failed == 1);
    CHECK(crawl.statistics().retries == 2);

    Site site;
    site.answer("/", [](ResponseWriter&, int) { grove::sleep({}); });
    options = options_for(site.url());
    options.fetch.timeout = 300ms;
    options.visit.obey_robots = false;
    options.retries = 0;
    Crawl slow{options, frontier, {}};
    CHECK_THROWS_WITH_AS(
        slow.run(), ("GET " + site.url() + ": Connection timed out").c_str(), std::runtime_error);
}

GROVE_TEST_REAL("pages without end are ended by each of the limits") {
    Site site;
    site.otherwise([](const std::string& path) { return link(path + "x") + link(path + "y"); });
    auto options = options_for(site.url());
    SUBCASE("of depth") {
        options.scope.max_depth = 3;
        CHECK(crawl(options).size() == 1 + 2 + 4 + 8);
    }
    SUBCASE("of URLs known") {
        MemoryFrontier frontier{20};
        Crawl crawl{options, frontier, {}};
        CHECK(crawl.run() == Crawl::End::complete);
        CHECK(crawl.statistics().pages == 20);
        CHECK(crawl.dropped() == 21);
    }
    SUBCASE("of pages, exactly") {
        options.max_pages = 10;
        MemoryFrontier frontier{1000};
        Crawl crawl{options, frontier, {}};
        CHECK(crawl.run() == Crawl::End::limit);
        CHECK(crawl.statistics().pages == 10);
    }
    SUBCASE("of pages, which does not count if no page is left") {
        options.max_pages = 1 + 2 + 4;
        options.scope.max_depth = 2;
        CHECK(crawl(options).size() == 7);
    }
    SUBCASE("of bytes") {
        options.max_bytes = 1000;
        MemoryFrontier frontier{1'000'000};
        Crawl crawl{options, frontier, {}};
        CHECK(crawl.run() == Crawl::End::limit);
        CHECK(crawl.statistics().bytes >= 1000);
    }
    SUBCASE("of time") {
        options.max_time = 50ms;
        MemoryFrontier frontier{1'000'000};
        CHECK(Crawl{options, frontier, {}}.run() == Crawl::End::limit);
    }
    SUBCASE("of a URL's length") {
        options.scope.max_url = site.url("/xx").size();
        CHECK(crawl(options).size() == 1 + 2 + 4);
    }
}

GROVE_TEST_REAL("a link of a page that is too deep is followed from another one") {
    Site site;
    site.page("/a", link("/deep"));
    site.redirect("/old", "/new");  // as deep as the link to it, and its turn comes after /deep
    site.page("/deep", link("/x"));
    site.page("/new", link("/x"));
    site.page("/x", "");
    class Links final : public crawler::Output {
    public:
        void resume(std::optional<std::uint64_t>) override {}
        void write(std::span<const Visit>) override {}
        [[nodiscard]] bool wants_links() const override { return true; }
    } links;
    auto options = options_for(site.url("/a"));
    options.seeds.push_back(site.url("/old"));
    options.scope.max_depth = 1;
    options.connections = 1;
    MemoryFrontier frontier{1000};
    CHECK(Crawl{options, frontier, {&links}}.run() == Crawl::End::complete);
    CHECK(site.hits("/x") == 1);
}

GROVE_TEST_REAL("robots.txt") {
    Site site;
    site.page("/", link("/open") + link("/closed"));
    site.page("/open", "");
    site.page("/closed", "");
    const auto options = options_for(site.url());
    SUBCASE("forbids") {
        site.page("/robots.txt", "User-agent: grove-crawler\nDisallow: /closed\n");
        CHECK(crawl(options) ==
              Pages{{"/", "fetched"}, {"/open", "fetched"}, {"/closed", "excluded: robots.txt"}});
        CHECK(site.hits("/closed") == 0);
        CHECK(site.hits("/robots.txt") == 1);
    }
    SUBCASE("asks for time between two requests, which the first ones leave, too") {
        site.page("/robots.txt", "User-agent: *\nCrawl-delay: 0.2\n");
        auto many = options;
        many.seeds = {site.url("/1"), site.url("/2"), site.url("/3"), site.url("/4")};
        std::vector<grove::Clock::time_point> times;
        for (const char* path : {"/1", "/2", "/3", "/4"}) {
            site.answer(path, [&](ResponseWriter& response, int) {
                times.push_back(grove::Clock::now());
                response.send("");
            });
        }
        CHECK(crawl(many).size() == 4);
        REQUIRE(times.size() == 4);
        for (std::size_t i = 1; i < times.size(); ++i) CHECK(times[i] - times[i - 1] > 150ms);
    }
    SUBCASE("is found elsewhere") {
        site.redirect("/robots.txt", "/real/robots.txt");
        site.page("/real/robots.txt", "User-agent: *\nDisallow: /closed\n");
        CHECK(crawl(options).at("/closed") == "excluded: robots.txt");
    }
    SUBCASE("cannot be had: then nothing is allowed") {
        site.answer("/robots.txt", [](ResponseWriter& response, int) {
            response.status = 500;
            response.send("");
        });
        MemoryFrontier frontier{10};
        Crawl crawl{options, frontier, {}};
        CHECK_THROWS_WITH_AS(
            crawl.run(), ("GET " + site.url() + ": status 500 for robots.txt").c_str(), std::runtime_error);
        CHECK(site.hits("/") == 0);
    }
    SUBCASE("is longer than a page may be") {
        auto small = options;
        small.fetch.max_body = 1000;
        site.page("/robots.txt", "User-agent: *\nDisallow: /closed\n" + std::string(1 << 20, '#'));
        CHECK(crawl(small) ==
              Pages{{"/", "fetched"}, {"/open", "fetched"}, {"/closed", "excluded: robots.txt"}});
        CHECK(site.hits("/robots.txt") == 1);
    }
    SUBCASE("is not asked for by who owns the site") {
        site.page("/robots.txt", "User-agent: *\nDisallow: /\n");
        auto own = options;
        own.visit.obey_robots = false;
        CHECK(crawl(own).size() == 3);
        CHECK(site.hits("/robots.txt") == 0);
    }
    SUBCASE("names sitemaps") {
        site.page("/robots.txt", "Sitemap: " + site.url("/map.xml") + "\n");
        site.answer("/map.xml", [&](ResponseWriter& response, int) {
            response.headers.set("Content-Type", "application/xml");
            response.send("<urlset><url><loc>" + site.url("/hidden") + "</loc></url></urlset>");
        });
        site.page("/hidden", "");
        CHECK_FALSE(crawl(options).contains("/hidden"));
        auto curious = options;
        curious.visit.sitemaps = true;
        CHECK(crawl(curious).at("/hidden") == "fetched");
        site.answer("/", [](ResponseWriter& response, int n) {
            response.status = n % 2 == 0 ? 200 : 503;
            response.send("");
        });
        while (site.hits("/") % 2 != 0) (void)crawl(options);
        CHECK(crawl(curious).at("/hidden") == "fetched");  // though the first page was put off
    }
}

GROVE_TEST_REAL("what pages say of themselves") {
    Site site;
    site.page("/",
              link("/quiet") + link("/alone") + link("/twin/1") + link("/twin/2") + link("/copy") +
                  "<a rel=nofollow href='/unloved'>x</a>" + link("/picture") + link("/head"));
    site.page("/quiet", "<meta name=robots content=noindex>" + link("/by/quiet"));
    site.page("/alone", "<meta name=robots content=nofollow>" + link("/by/alone"));
    site.page("/twin/1", "the same");
    site.page("/twin/2", "the same");
    site.page("/copy", "<link rel=canonical href='/original'>");
    site.page("/original", "<link rel=canonical href='/original'>it");
    site.answer("/picture", [](ResponseWriter& response, int) {
        response.headers.set("Content-Type", "image/png");
        response.send(link("/in/picture"));
    });
    site.answer("/head", [](ResponseWriter& response, int) {
        response.headers.set("X-Robots-Tag", "other: none");
        response.headers.add("X-Robots-Tag", "noindex");
        response.send(link("/by/head"));
    });
    for (const char* path : {"/by/quiet", "/by/alone", "/unloved", "/by/head"}) site.page(path, path);
    auto options = options_for(site.url());

    SUBCASE("is obeyed") {
        const auto pages = crawl(options);
        CHECK(pages.at("/quiet") == "excluded: noindex");
        CHECK(pages.at("/by/quiet") == "fetched");
        CHECK(pages.at("/alone") == "fetched");
        CHECK_FALSE(pages.contains("/by/alone"));
        CHECK_FALSE(pages.contains("/unloved"));
        CHECK_FALSE(pages.contains("/in/picture"));
        CHECK(pages.at("/head") == "excluded: noindex");
        CHECK(pages.at("/by/head") == "fetched");
        CHECK(pages.at("/twin/2") == "fetched");
        CHECK(pages.at("/copy") == "fetched");
        CHECK_FALSE(pages.contains("/original"));
    }
    SUBCASE("or not") {
        options.visit.obey_nofollow = false;
        const auto pages = crawl(options);
        CHECK(pages.at("/quiet") == "fetched");
        CHECK(pages.at("/by/alone") == "fetched");
        CHECK(pages.at("/unloved") == "fetched");
    }
    SUBCASE("duplicates and other names of a page, if they are not wanted") {
        options.visit.skip_duplicates = true;
        options.visit.canonical = true;
        const auto pages = crawl(options);
        CHECK((pages.at("/twin/1") == "fetched") != (pages.at("/twin/2") == "fetched"));
        CHECK(pages.at("/copy") == "excluded: not canonical");
        CHECK(pages.at("/original") == "fetched");
    }
    SUBCASE("types that are not wanted are followed, but not kept") {
        options.visit.types = {"Image/*"};
        const auto pages = crawl(options);
        CHECK(pages.at("/picture") == "fetched");
        CHECK(pages.at("/") == "excluded: content type");
        CHECK(pages.at("/by/quiet") == "excluded: content type");
    }
}

GROVE_TEST_REAL("a head may name a crawler, or a directive with a number") {
    const std::map<std::string, std::string> tags{
        {"noindex, nofollow, max-snippet:-1", "excluded: noindex"},
        {"max-snippet: -1, noindex", "excluded: noindex"},
        {"unavailable_after: 25 Jun 2110 15:00:00 GMT, noindex", "excluded: noindex"},
        {"Grove-Crawler: noindex, max-snippet:-1", "excluded: noindex"},
        {"other: noindex, max-snippet:-1", "fetched"},
        {"max-image-preview:large", "fetched"},
    };
    for (const auto& expected : tags) {
        const std::string& tag = expected.first;
        Site site;
        site.page("/", link("/tagged"));
        site.answer("/tagged", [&](ResponseWriter& response, int) {
            response.headers.set("X-Robots-Tag", tag);
            response.send("");
        });
        const Pages pages = crawl(options_for(site.url()));
        CAPTURE(tag);
        CHECK(pages.at("/tagged") == expected.second);
    }
}

GROVE_TEST_REAL("chains of canonical links end as redirects do") {
    Site site;
    site.otherwise([](const std::string& path) {
        return "<link rel=canonical href='" + path + "x'>" + link("/leaf" + path);
    });
    auto options = options_for(site.url("/a"));
    options.scope.max_depth = 0;
    options.visit.canonical = true;
    options.visit.max_redirects = 3;
    CHECK(crawl(options) == Pages{{"/a", "excluded: not canonical"},
                                  {"/ax", "excluded: not canonical"},
                                  {"/axx", "excluded: not canonical"},
                                  {"/axxx", "fetched"}});
}

GROVE_TEST_REAL("sites that name each other in their sitemaps are no way around the limit of depth") {
    // Each address of this machine is a site that leads to the next one.
    const auto any_address = grove::net::Endpoint::parse("0.0.0.0:0");
    grove::http::Server server{any_address, [](grove::http::Request& request, ResponseWriter& response) {
                                   const std::string host{request.headers.get("Host").value_or("")};
                                   const std::size_t dot = host.rfind('.');
                                   const std::size_t colon = host.find(':');
                                   const std::string next =
                                       "http://" + host.substr(0, dot + 1) +
                                       std::to_string(std::stoi(host.substr(dot + 1)) % 250 + 1) +
                                       host.substr(colon);
                                   if (request.target == "/robots.txt")
                                       return response.send("Sitemap: /map.xml\n");
                                   if (request.target != "/map.xml") return response.send("a page");
                                   response.headers.set("Content-Type", "application/xml");
                                   response.send("<urlset><url><loc>" + next + "/page</loc></url></urlset>");
                               }};
    server.start();
    const std::string port = std::to_string(server.endpoint().port());
    auto options = options_for("http://127.0.0.1:" + port + "/");
    options.scope = {.reach = crawler::Reach::any, .max_depth = 2};
    options.visit.sitemaps = true;
    MemoryFrontier frontier{1000};
    Crawl crawl{options, frontier, {}};
    CHECK(crawl.run() == Crawl::End::complete);
    CHECK(crawl.statistics().pages == 2 * 3);
}

GROVE_TEST_REAL("a start page that leads nowhere is an error that says why") {
    Site site;
    site.redirect("/moved", "http://elsewhere.invalid/");
    MemoryFrontier frontier{10};
    Crawl moved{options_for(site.url("/moved")), frontier, {}};
    CHECK_THROWS_WITH_AS(
        moved.run(),
        ("GET " + site.url("/moved") + ": redirects to http://elsewhere.invalid/, which is not in the scope")
            .c_str(),
        std::runtime_error);
    Crawl missing{options_for(site.url("/none")), frontier, {}};
    CHECK_THROWS_WITH_AS(
        missing.run(), ("GET " + site.url("/none") + ": status 404").c_str(), std::runtime_error);

    // One that is not kept, but leads somewhere, is none.
    site.page("/", link("/leaf"));
    site.page("/leaf", "");
    auto options = options_for(site.url());
    options.visit.types = {"image/*"};
    CHECK(crawl(options) == Pages{{"/", "excluded: content type"}, {"/leaf", "excluded: content type"}});
}

TEST_SUITE_END();
