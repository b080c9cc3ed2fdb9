#pragma once

#include "crawl.hpp"

#include <CLI/App.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace crawler {

/// The command line.
struct Arguments {
    CrawlOptions crawl{};
    std::vector<std::string> urls{};
    std::string reach = "host";
    std::optional<std::size_t> per_host{};
    std::optional<double> delay{};  // all times in seconds here
    double timeout = 30;
    double backoff = 1;
    double max_time = 0;
    double lease = 60;
    std::size_t max_urls = 10'000'000;
    bool ignore_robots = false;
    bool ignore_nofollow = false;

    std::string state{};
    std::string frontier{};
    std::string name = "crawl";
    bool durable = false;

    std::string warc{};
    std::string db{};
    std::string list{};
    std::string report{};
    bool json_lines = false;
    bool quiet = false;

    void add_to(CLI::App&);
    /// Brings what was read into `crawl`. Throws std::invalid_argument that names what is wrong.
    void settle();

private:
    void add_scope(CLI::App&);
    void add_politeness(CLI::App&);
    void add_limits(CLI::App&);
    void add_state(CLI::App&);
    void add_outputs(CLI::App&);
};

}  // namespace crawler
