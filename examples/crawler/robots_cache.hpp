#pragma once

#include <grove/base/time.hpp>
#include <grove/sync/lock.hpp>

#include "fetch.hpp"
#include "robots.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace crawler {

/// What robots.txt says, of every site the crawl comes to; asked for once a day, and again if it had to make
/// room for others.
class RobotsCache {
public:
    static constexpr std::size_t default_bytes = 64
                                                 << 20;  // of rules; 500 KiB of text may become 3 MB of them

    explicit RobotsCache(Fetcher& fetcher, std::size_t most_bytes = default_bytes)
        : fetcher_{fetcher}, most_bytes_{most_bytes} {}

    struct Answer {
        Robots rules{};
        bool reached = true;     ///< false: nobody knows what is allowed, so nothing is, because of the
        std::string failure{};   ///< which
        bool temporary = false;  ///< may pass
        std::chrono::milliseconds pause{};  ///< and for which the site wants to be left alone so long
    };
    /// Of the site of this page. Many may ask: one asks the site. Blocks.
    [[nodiscard]] std::shared_ptr<const Answer> of(std::string_view url);

private:
    struct Site {
        grove::Lock asking;
        std::shared_ptr<const Answer> answer;
        grove::Clock::time_point expires{};
        std::size_t bytes = 0;  // of the answer, as long as it is counted
    };
    [[nodiscard]] Answer ask(const std::string& origin);
    [[nodiscard]] Fetched fetch(std::string url);
    void count(const std::string& origin, Site&);
    void make_room();

    Fetcher& fetcher_;
    std::size_t most_bytes_;
    std::size_t bytes_ = 0;  // of the answers of sites_
    std::unordered_map<std::string, std::shared_ptr<Site>> sites_;
};

}  // namespace crawler
