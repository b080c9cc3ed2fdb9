#include "crawler/output.hpp"

#include "crawler/html_report.hpp"
#include "crawler/page_table.hpp"
#include "crawler/sqlite.hpp"
#include "crawler/sqlite_frontier.hpp"
#include "crawler/statistics.hpp"
#include "crawler/svg.hpp"
#include "crawler/warc_file.hpp"
#include "io/scratch.hpp"
#include "support/grove_test.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>
#include <zlib.h>

using namespace std::chrono_literals;
using crawler::Outcome;
using crawler::Visit;
using grove::testing::look;
using grove::testing::put;
using grove::testing::Scratch;

namespace {

const crawler::WarcFile::Info test{.software = "test/1"};

Visit fetched(const std::string& url, const std::string& body = "<p>hello") {
    Visit visit{.page = {{.url = url, .referrer = "http://h/"}},
                .outcome = Outcome::fetched,
                .status = 200,
                .took = 5ms,
                .body = body,
                .bytes = body.size(),
                .type = "text/html"};
    visit.headers.add("Content-Type", "text/html");
    visit.headers.add("Transfer-Encoding", "chunked");
    visit.links = {"http://h/to", "http://h/to", "http://away/"};
    return visit;
}

std::size_t occurrences(const std::string& text, const std::string& what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
    return n;
}

/// Of all gzip members, one after the other.
std::string inflated(const std::string& packed, std::size_t& members) {
    std::string text(1 << 20, '\0');
    z_stream stream{};
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    std::size_t size = 0;
    for (members = 0; stream.avail_in > 0; ++members) {
        REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
        stream.next_out = reinterpret_cast<Bytef*>(text.data()) + size;
        stream.avail_out = static_cast<uInt>(text.size() - size);
        REQUIRE(inflate(&stream, Z_FINISH) == Z_STREAM_END);
        size += stream.total_out;
        inflateEnd(&stream);
    }
    text.resize(size);
    return text;
}

/// Writes `kept`, and `lost` behind the mark that it returns.
std::uint64_t written_past_mark(crawler::Output& output,
                                const std::vector<Visit>& kept,
                                const std::vector<Visit>& lost) {
    output.resume(std::nullopt);
    output.write(kept);
    const std::uint64_t mark = output.position();
    output.write(lost);
    return mark;
}

}  // namespace

TEST_SUITE_BEGIN("crawler/output");

GROVE_TEST_REAL("an output goes on at the mark, and what lies behind is gone") {
    const Scratch scratch;
    const std::vector<Visit> one{fetched("http://h/1")};
    const std::vector<Visit> two{fetched("http://h/2"), fetched("http://h/3")};
    const auto survives = [&](const auto& make, const auto& urls) {
        std::uint64_t mark = 0;
        {
            const auto output = make();
            mark = written_past_mark(*output, one, two);
            CHECK(urls() == 3);
        }
        {
            auto output = make();
            output->resume(mark);
            CHECK(output->position() == mark);
            CHECK(urls() == 1);
            output->write(two);
            CHECK(urls() == 3);
        }
    };
    SUBCASE("a WARC file") {
        survives([&] { return std::make_unique<crawler::WarcFile>(scratch / "w.warc", test, true); },
                 [&] { return occurrences(look(scratch / "w.warc"), "WARC-Type: response"); });
        CHECK(occurrences(look(scratch / "w.warc"), "WARC-Type: warcinfo") == 1);
    }
    SUBCASE("a list") {
        survives([&] { return std::make_unique<crawler::ListFile>(scratch / "list", false); },
                 [&] { return occurrences(look(scratch / "list"), "\n"); });
    }
}

GROVE_TEST_REAL("a table goes on at the mark, has a row per page, and its links") {
    const Scratch scratch;
    std::uint64_t mark = 0;
    {
        crawler::PageTable table{scratch / "db", false};
        mark =
            written_past_mark(table, {fetched("http://h/1")}, {fetched("http://h/2"), fetched("http://h/1")});
    }
    {
        crawler::PageTable table{scratch / "db", false};
        CHECK_THROWS_AS(table.resume(std::nullopt), std::runtime_error);
        table.resume(mark);
        table.write(std::vector<Visit>{fetched("http://h/3")});
    }
    crawler::Database database{scratch / "db", false};
    auto rows = database.prepare("SELECT group_concat(url), sum(status), sum(bytes) FROM page");
    REQUIRE(rows.step());
    CHECK(rows.text(0) == "http://h/1,http://h/3");
    CHECK(rows.integer(1) == 400);
    CHECK(rows.integer(2) == 16);
    auto links = database.prepare("SELECT count(*) FROM link WHERE url = 'http://away/'");
    REQUIRE(links.step());
    CHECK(links.integer(0) == 2);
}

GROVE_TEST_REAL("a file of somebody else's is left alone") {
    const Scratch scratch;
    put(scratch / "w.warc", "precious");
    crawler::WarcFile warc{scratch / "w.warc", test, false};
    CHECK_THROWS_AS(warc.resume(std::nullopt), std::runtime_error);
    CHECK_THROWS_AS(warc.resume(100), std::runtime_error);  // shorter than the crawl left it
    CHECK(look(scratch / "w.warc") == "precious");
}

GROVE_TEST_REAL("a database of another kind is left alone") {
    const Scratch scratch;
    { const crawler::PageTable table{scratch / "table", false}; }
    { const crawler::SqliteFrontier state{scratch / "state", 100, false}; }
    const std::string table = look(scratch / "table");
    const std::string state = look(scratch / "state");
    CHECK_THROWS_AS((crawler::PageTable{scratch / "state", false}), std::runtime_error);
    CHECK_THROWS_AS((crawler::SqliteFrontier{scratch / "table", 100, false}), std::runtime_error);
    CHECK(look(scratch / "table") == table);
    CHECK(look(scratch / "state") == state);
    const crawler::PageTable again{scratch / "table", false};
}

GROVE_TEST_REAL("a file that another crawler writes is left alone") {
    const Scratch scratch;
    std::uint64_t mark = 0;
    {
        crawler::ListFile list{scratch / "list", false};
        mark = written_past_mark(list, {fetched("http://h/1")}, {fetched("http://h/2")});
        crawler::ListFile second{scratch / "list", false};
        const std::string refusal = (scratch / "list").string() +
                                    ": another crawler is writing it; wait for its end, or give another name";
        CHECK_THROWS_WITH_AS(second.resume(mark), refusal.c_str(), std::runtime_error);
        CHECK(look(scratch / "list") == "http://h/1\nhttp://h/2\n");
    }
    crawler::ListFile heir{scratch / "list", false};
    heir.resume(mark);
    CHECK(look(scratch / "list") == "http://h/1\n");
}

GROVE_TEST_REAL("records of a WARC file") {
    const Scratch scratch;
    std::vector<Visit> visits{fetched("http://h:8080/dir/page?q", "abc"), fetched("http://h/excluded")};
    visits[1].outcome = Outcome::excluded;
    visits.push_back({.page = {{.url = "http://h/no_answer"}}});

    crawler::WarcFile plain{scratch / "w.warc", test, false};
    plain.resume(std::nullopt);
    plain.write(visits);
    const std::string text = look(scratch / "w.warc");
    CHECK(plain.position() == text.size());
    CHECK(text.starts_with("WARC/1.1\r\nWARC-Type: warcinfo\r\n"));
    CHECK(occurrences(text, "software: test/1\r\n") == 1);
    CHECK(occurrences(text, "\r\nrobots: obey\r\n") == 1);
    CHECK(occurrences(text, "WARC/1.1\r\n") == 4);
    CHECK(occurrences(text, "WARC-Target-URI: http://h:8080/dir/page?q\r\n") == 3);
    CHECK(occurrences(text, "WARC-Payload-Digest: sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5\r\n") ==
          1);  // of "abc"
    CHECK(occurrences(text, "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/html\r\n") == 1);
    CHECK(occurrences(text, "\r\nX-Crawler-Transfer-Encoding: chunked\r\n\r\nabc\r\n\r\n") == 1);
    CHECK(occurrences(text, "\r\n\r\nGET /dir/page?q HTTP/1.1\r\nHost: h:8080\r\n") == 1);
    CHECK(occurrences(text, "via: http://h/\r\nhopsFromSeed: 0\r\nfetchTimeMs: 5\r\n") == 1);

    crawler::WarcFile packed{scratch / "w.warc.gz", {.software = "test/1", .obeys_robots = false}, false};
    packed.resume(std::nullopt);
    packed.write(visits);
    std::size_t members = 0;
    const std::string unpacked = inflated(look(scratch / "w.warc.gz"), members);
    CHECK(occurrences(unpacked, "WARC/1.1\r\n") == 4);
    CHECK(occurrences(unpacked, "\r\nrobots: ignore\r\n") == 1);
    CHECK(members == 4);
}

GROVE_TEST_REAL("a list is sorted in the end, and what was there before is replaced") {
    const Scratch scratch;
    put(scratch / "list", "of another crawl\n");
    crawler::ListFile list{scratch / "list", false};
    list.resume(std::nullopt);
    std::vector<Visit> visits{fetched("http://h/b"), fetched("http://h/a"), fetched("http://h/dead")};
    visits[2].outcome = Outcome::dead;
    list.write(visits);
    list.finish();
    CHECK(look(scratch / "list") == "http://h/a\nhttp://h/b\n");
    crawler::ListFile empty{scratch / "empty", false};
    empty.resume(std::nullopt);
    empty.finish();
    CHECK(look(scratch / "empty").empty());
}

TEST_CASE("latencies and the timeline keep their size and lose nothing") {
    crawler::Latencies latencies;
    for (int i = 1; i <= 1000; ++i) latencies.add(std::chrono::milliseconds{i});
    CHECK(latencies.percentile(0.5) == doctest::Approx(500).epsilon(0.1));
    CHECK(latencies.percentile(0.99) == doctest::Approx(990).epsilon(0.1));
    CHECK(latencies.between(0, 1e9) == 1000);
    latencies.add(std::chrono::hours{100});
    latencies.add(0s);
    CHECK(latencies.count() == 1002);
    CHECK(latencies.percentile(1) > 1e6);
    CHECK(crawler::Latencies{}.percentile(0.5) == 0);

    crawler::Timeline timeline;
    for (int i = 0; i < 100'000; ++i) timeline.add(std::chrono::milliseconds{100 * i});
    CHECK(timeline.counts().size() <= 240);
    std::uint64_t sum = 0;
    for (const auto count : timeline.counts()) sum += count;
    CHECK(sum == 100'000);
    CHECK(timeline.interval() * static_cast<double>(timeline.counts().size()) >= 10'000);
}

TEST_CASE("a scale says what its lines are") {
    const std::string plot = crawler::line({0.2, 0.9}, 1, "pages per second");
    for (const char* mark : {">0.25<", ">0.75<", ">1<", ">0.5 s<", ">1.75 s<", ">2 s<"}) {
        CAPTURE(mark);
        CHECK(plot.find(mark) != plot.npos);
    }
}

TEST_CASE("a report needs nothing from elsewhere and shows what a page wrote as text") {
    crawler::Statistics statistics;
    statistics.add(fetched("http://h/"));
    Visit dead = fetched("http://h/<script>alert(1)</script>");
    dead.outcome = Outcome::dead;
    dead.status = 404;
    statistics.add(dead);
    const std::string report = crawler::html_report({"http://h/"}, statistics);
    CHECK(report.find("<script") == report.npos);
    CHECK(report.find("&lt;script&gt;") != report.npos);
    CHECK(occurrences(report, "<svg") == 4);
    CHECK(occurrences(report, "<svg") == occurrences(report, "</svg>"));
    CHECK(occurrences(report, "src=") + occurrences(report, "href=") + occurrences(report, "@import") == 0);
    CHECK(crawler::html_report({}, {}).ends_with("</html>\n"));
}

TEST_SUITE_END();
