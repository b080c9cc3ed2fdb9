#pragma once

#include <grove/base/time.hpp>
#include <grove/sync/lock.hpp>

#include "fetch.hpp"
#include "robots.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace crawler {

/// What robots.txt says, of every site the crawl comes to; asked for once a day.
class RobotsCache {
public:
    explicit RobotsCache(Fetcher& fetcher) : fetcher_{fetcher} {}

    struct Answer {
        Robots rules{};
        Fetched fetched{};    ///< what came, without its body
        bool reached = true;  ///< false: nobody knows what is allowed, so nothing is
    };
    /// Of the site of this page. Many may ask: one asks the site. Blocks.
    [[nodiscard]] std::shared_ptr<const Answer> of(std::string_view url);

private:
    struct Site {
        grove::Lock asking;
        std::shared_ptr<const Answer> answer;
        grove::Clock::time_point expires{};
    };
    [[nodiscard]] Answer ask(const std::string& origin);
    void make_room();

    Fetcher& fetcher_;
    std::unordered_map<std::string, std::shared_ptr<Site>> sites_;
};

}  // namespace crawler
