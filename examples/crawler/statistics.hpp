#pragma once

#include "page.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace crawler {

/// How often each length of time was met, to within a twelfth of it, in a few kilobytes.
class Latencies {
public:
    void add(grove::Clock::duration);
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    /// The time that this part of them did not exceed, in milliseconds.
    [[nodiscard]] double percentile(double part) const;
    [[nodiscard]] double mean() const noexcept { return count_ ? total_ / static_cast<double>(count_) : 0; }
    /// How many took from `least` up to `most`, in milliseconds.
    [[nodiscard]] std::uint64_t between(double least, double most) const;

private:
    static constexpr std::size_t per_doubling = 8;
    static constexpr double least_time = 0.01;  // milliseconds; what is faster counts as that
    [[nodiscard]] static double middle_of(std::size_t bin);

    std::array<std::uint64_t, 30 * per_doubling> bins_{};
    std::uint64_t count_ = 0;
    double total_ = 0;
};

/// How a number grew; at most `most_points`, the interval between them growing with the time.
class Timeline {
public:
    void add(grove::Clock::duration since_start, std::uint64_t n = 1);
    [[nodiscard]] double interval() const noexcept { return interval_; }  ///< seconds
    [[nodiscard]] const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }

private:
    static constexpr std::size_t most_points = 240;

    double interval_ = 0.05;
    std::vector<std::uint64_t> counts_;
};

/// What a crawl has met so far. Its size does not depend on that of the crawl, but for the names of hosts and
/// dead links, of which it keeps so many.
class Statistics {
public:
    static constexpr std::size_t most_hosts = 10'000;
    static constexpr std::size_t most_dead_links = 1'000;

    void add(const Visit&);

    struct DeadLink {
        int status;
        std::string url;
        std::string on;  ///< the first page that has it
    };
    struct Host {
        std::uint64_t requests = 0;
        std::uint64_t failures = 0;
        double milliseconds = 0;  ///< all its answers together
    };

    std::chrono::system_clock::time_point began = std::chrono::system_clock::now();
    grove::Clock::time_point start = grove::Clock::now();
    std::uint64_t pages = 0;  ///< fetched
    std::uint64_t bytes = 0;  ///< of their bodies
    std::uint64_t redirects = 0;
    std::uint64_t retries = 0;
    std::uint64_t dead = 0;
    std::uint64_t failed = 0;
    std::uint64_t excluded = 0;
    std::vector<DeadLink> dead_links{};
    std::map<std::string, std::uint64_t> errors{};      ///< how often each kind of failure was met
    std::map<std::string, std::uint64_t> exclusions{};  ///< and each reason to leave a page out
    std::map<int, std::uint64_t> statuses{};
    std::unordered_map<std::string, Host> hosts{};
    Latencies latencies{};
    Timeline timeline{};

    [[nodiscard]] double seconds() const;  ///< since the start
};

}  // namespace crawler
