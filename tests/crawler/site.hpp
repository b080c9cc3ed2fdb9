#pragma once

#include <grove/http/server.hpp>

#include "crawler/crawl.hpp"
#include "crawler/memory_frontier.hpp"
#include "crawler/names.hpp"
#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>

// A site to be crawled, and what a crawl made of it.

namespace grove::testing {

using namespace std::chrono_literals;

inline std::string link(const std::string& to) {
    return "<a href='" + to + "'>x</a> ";
}

/// A site in memory; what a path answers, and how often it was asked for.
class Site {
public:
    using Answer = std::function<void(http::ResponseWriter&, int n)>;

    void page(const std::string& path, const std::string& body) {
        answers_[path] = [body](http::ResponseWriter& response, int) {
            response.headers.set("Content-Type", "text/html");
            response.send(body);
        };
    }
    void redirect(const std::string& path, const std::string& to) {
        answers_[path] = [to](http::ResponseWriter& response, int) {
            response.status = 302;
            response.headers.set("Location", to);
            response.send("");
        };
    }
    void answer(const std::string& path, Answer answer) { answers_[path] = std::move(answer); }
    void otherwise(std::function<std::string(const std::string& path)> body) { otherwise_ = std::move(body); }

    [[nodiscard]] int hits(const std::string& path) const {
        return hits_.contains(path) ? hits_.at(path) : 0;
    }
    [[nodiscard]] const std::map<std::string, int>& all_hits() const { return hits_; }
    [[nodiscard]] std::string url(const std::string& path = "/") const { return server_.url(path); }

private:
    void serve(http::Request& request, http::ResponseWriter& response) {
        const int n = ++hits_[request.target];
        if (const auto answer = answers_.find(request.target); answer != answers_.end()) {
            return answer->second(response, n);
        }
        const std::string body =
            otherwise_ && request.target != "/robots.txt" ? otherwise_(request.target) : "";
        response.status = body.empty() ? 404 : 200;
        response.headers.set("Content-Type", "text/html");
        response.send(body);
    }

    std::map<std::string, Answer> answers_;
    std::map<std::string, int> hits_;
    std::function<std::string(const std::string&)> otherwise_;
    TestServer server_{
        [this](http::Request& request, http::ResponseWriter& response) { serve(request, response); }};
};

/// What became of each page, by path.
class Record final : public crawler::Output {
public:
    void resume(std::optional<std::uint64_t>) override {}
    void write(std::span<const crawler::Visit> visits) override {
        for (const crawler::Visit& visit : visits) {
            std::string what{crawler::name_of(visit.outcome)};
            if (!visit.reason.empty() && visit.outcome != crawler::Outcome::redirected)
                what += ": " + visit.reason;
            const std::string path{visit.page.url.substr(visit.page.url.find('/', 8))};
            CHECK_FALSE(pages.contains(path));
            pages[path] = what;
        }
    }
    std::map<std::string, std::string> pages{};
};

inline crawler::CrawlOptions options_for(const std::string& url) {
    return {.seeds = {url},
            .politeness = {.per_loopback_host = 8, .loopback_delay = 0ms},
            .fetch = {.connections = 8, .timeout = 20s},
            .connections = 8,
            .retries = 2,
            .backoff = 1ms};
}

using Pages = std::map<std::string, std::string>;

inline std::string text_of(const Pages& pages) {
    std::string text;
    for (const auto& [path, what] : pages) text.append(path).append(" ").append(what).append("\n");
    return text;
}

inline Pages crawl(const crawler::CrawlOptions& options) {
    crawler::MemoryFrontier frontier{1000};
    Record record;
    CHECK(crawler::Crawl{options, frontier, {&record}}.run() == crawler::Crawl::End::complete);
    return record.pages;
}

}  // namespace grove::testing
