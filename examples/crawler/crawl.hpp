#pragma once

#include <grove/base/time.hpp>
#include <grove/http/client.hpp>
#include <grove/sync/queue.hpp>

#include "frontier.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// Fetches every page of a site that can be reached from one of its pages, each once.
class Crawl {
public:
    /// Throws std::invalid_argument if start is no http URL.
    Crawl(std::string_view start, std::size_t connections);

    /// Throws std::runtime_error if the first page is not to be had. Blocks.
    void run();

    struct DeadLink {
        int status;
        std::string url;
        std::string on;  ///< the first page that has it
    };
    struct Report {
        std::vector<std::string> pages{};  ///< URLs of what was fetched, in the order of arrival
        std::uint64_t bytes = 0;           ///< of their bodies
        std::vector<grove::Clock::duration> latencies{};
        std::size_t redirects = 0;
        std::vector<DeadLink> dead_links{};           ///< answered with 4xx: the site's fault
        std::map<std::string, std::size_t> errors{};  ///< how often each kind of failure was met
    };
    [[nodiscard]] const Report& report() const noexcept { return report_; }
    [[nodiscard]] std::size_t waiting() const noexcept { return queue_.qsize(); }

private:
    struct Job {
        const std::string* url;
        const std::string* on;  // the page that has the link; null for the first
    };

    void work();
    void fetch(const Job& job);
    void sort_out(const Job& job, const grove::http::Response& response);
    void follow(const std::string& page, const PageLinks& links);

    Frontier frontier_;
    grove::http::Client client_;
    std::size_t connections_;
    grove::Queue<Job> queue_;
    Report report_;
};
