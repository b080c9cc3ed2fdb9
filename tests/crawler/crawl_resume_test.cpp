#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/event.hpp>

#include "crawler/crawl.hpp"
#include "crawler/memory_frontier.hpp"
#include "crawler/site.hpp"
#include "crawler/sqlite_frontier.hpp"
#include "io/scratch.hpp"
#include "support/grove_test.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

// A crawl that ends early, and goes on.

using namespace std::chrono_literals;
using namespace grove::testing;
using crawler::Crawl;
using crawler::MemoryFrontier;
using crawler::Visit;
using grove::http::ResponseWriter;

TEST_SUITE_BEGIN("crawler/crawl_resume");

namespace {

/// A state whose commits fail after so many, as if the process had died between output and state.
class Dying final : public crawler::Frontier {
public:
    Dying(Frontier& real, int commits) : real_{real}, left_{commits} {}

    void add(std::span<const crawler::Target> targets) override { real_.add(targets); }
    std::vector<crawler::Page> take(std::size_t n) override { return real_.take(n); }
    void commit(std::span<const Visit> visits, std::span<const crawler::Mark> marks) override {
        if (left_-- == 0) throw std::runtime_error{"died"};
        real_.commit(visits, marks);
    }
    bool finished() override { return real_.finished(); }
    bool claim_content(const std::string& digest, const std::string& url) override {
        return real_.claim_content(digest, url);
    }
    std::optional<std::uint64_t> mark_of(const std::string& output) override { return real_.mark_of(output); }
    std::size_t waiting() const noexcept override { return real_.waiting(); }

private:
    Frontier& real_;
    int left_;
};

std::string tree(const std::string& path) {
    return path.size() > 6 ? "leaf" : link(path + "a") + link(path + "b") + link(path + "c");
}
constexpr int tree_size = 1 + 3 + 9 + 27 + 81 + 243 + 729;

}  // namespace

GROVE_TEST_REAL("after a crash at any commit the pages are all there, and none is twice") {
    Site site;
    site.otherwise(tree);
    for (const int commits : {1, 2, 3, 7, 20}) {
        const Scratch scratch;
        {
            crawler::SqliteFrontier state{scratch / "state", 100'000, false};
            Dying dying{state, commits};
            crawler::ListFile list{scratch / "list", false};
            CHECK_THROWS_WITH_AS(
                Crawl(options_for(site.url()), dying, {&list}).run(), "died", std::runtime_error);
        }
        crawler::SqliteFrontier state{scratch / "state", 100'000, false};
        crawler::ListFile list{scratch / "list", false};
        CHECK(Crawl(options_for(site.url()), state, {&list}).run() == Crawl::End::complete);
        const std::string text = grove::testing::look(scratch / "list");
        std::vector<std::string> lines;
        for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
            lines.push_back(text.substr(at, text.find('\n', at) - at));
        }
        CHECK(lines.size() == tree_size);
        CHECK(std::ranges::adjacent_find(lines) == lines.end());  // it is sorted
    }
}

namespace {

/// The first page it gives is somebody else's when it is to be confirmed, or committed, and then comes back.
class Losing final : public crawler::Frontier {
public:
    enum class When { confirm, commit };
    explicit Losing(When when) : when_{when} {}

    void add(std::span<const crawler::Target> targets) override { real_.add(targets); }
    std::vector<crawler::Page> take(std::size_t n) override {
        return lost_.empty() ? real_.take(n) : std::exchange(lost_, {});
    }
    void confirm(std::vector<Visit>& visits) override {
        if (!has_lost_ && when_ == When::confirm) lose(visits);
        if (std::exchange(to_be_told_, false)) visits.clear();
    }
    void commit(std::span<const Visit> visits, std::span<const crawler::Mark> marks) override {
        if (!has_lost_ && !visits.empty()) {
            lose(visits);
            throw crawler::PagesLost{};
        }
        real_.commit(visits, marks);
    }
    bool finished() override { return lost_.empty() && real_.finished(); }
    bool claim_content(const std::string& digest, const std::string& url) override {
        return real_.claim_content(digest, url);
    }
    std::optional<std::uint64_t> mark_of(const std::string& output) override { return real_.mark_of(output); }
    std::size_t waiting() const noexcept override { return real_.waiting(); }

private:
    void lose(std::span<const Visit> visits) {
        has_lost_ = to_be_told_ = true;
        for (const Visit& visit : visits) lost_.push_back(visit.page);
    }

    When when_;
    MemoryFrontier real_{1000};
    std::vector<crawler::Page> lost_;
    bool has_lost_ = false;
    bool to_be_told_ = false;
};

}  // namespace

GROVE_TEST_REAL("a page that is lost is recorded once, and what it led to is found again") {
    Site site;
    site.page("/", link("/linked"));
    site.page("/linked", "");
    site.page("/robots.txt", "Sitemap: " + site.url("/mapped") + "\n");
    site.page("/mapped", "");
    auto options = options_for(site.url());
    options.visit.sitemaps = true;
    for (const auto when : {Losing::When::confirm, Losing::When::commit}) {
        const Scratch scratch;
        Losing frontier{when};
        crawler::ListFile list{scratch / "list", false};
        CHECK(Crawl{options, frontier, {&list}}.run() == Crawl::End::complete);
        CHECK(grove::testing::look(scratch / "list") ==
              site.url("/") + "\n" + site.url("/linked") + "\n" + site.url("/mapped") + "\n");
    }
    CHECK(site.hits("/") == 4);
}

GROVE_TEST_REAL("a crawl that is stopped finishes what is under way, and goes on later") {
    Site site;
    const Scratch scratch;
    grove::Event asked;
    grove::Event answer;
    site.page("/", link("/slow") + link("/other"));
    site.answer("/slow", [&](ResponseWriter& response, int) {
        asked.set();
        answer.wait();
        response.send(link("/later"));
    });
    site.page("/other", "");
    site.page("/later", "");
    {
        crawler::SqliteFrontier state{scratch / "state", 100, false};
        Crawl crawl{options_for(site.url()), state, {}};
        auto running = grove::spawn([&] { return crawl.run(); });
        asked.wait();
        crawl.stop();
        answer.set();
        CHECK(running.get() == Crawl::End::stopped);
        CHECK(site.hits("/later") == 0);
    }
    crawler::SqliteFrontier state{scratch / "state", 100, false};
    Crawl crawl{options_for(site.url()), state, {}};
    CHECK(crawl.run() == Crawl::End::complete);
    CHECK(state.done() == 4);
    for (const char* path : {"/", "/slow", "/other", "/later"}) CHECK(site.hits(path) == 1);
}

GROVE_TEST_REAL("a crawl that goes on keeps to the scope it is given now") {
    Site site;
    site.otherwise([](const std::string& path) {
        return path == "/" ? link("/calendar/1") + link("/calendar/2") + link("/good") : "leaf";
    });
    const Scratch scratch;
    auto options = options_for(site.url());
    options.connections = 1;
    options.max_pages = 1;
    {
        crawler::SqliteFrontier state{scratch / "state", 100, false};
        CHECK(Crawl{options, state, {}}.run() == Crawl::End::limit);
    }
    options.max_pages = 100;
    options.scope.exclude = {"/calendar/"};
    crawler::SqliteFrontier state{scratch / "state", 100, false};
    Record record;
    CHECK(Crawl{options, state, {&record}}.run() == Crawl::End::complete);
    CHECK(record.pages == Pages{{"/calendar/1", "excluded: scope"},
                                {"/calendar/2", "excluded: scope"},
                                {"/good", "fetched"}});
    CHECK(site.hits("/calendar/2") == 0);
}

TEST_SUITE_END();
