#pragma once

#include <grove/base/time.hpp>
#include <grove/http/message.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace crawler {

/// A place to go to.
struct Target {
    std::string url;         ///< in normal form
    unsigned depth = 0;      ///< links away from a start page
    unsigned redirects = 0;  ///< and canonical links that led here, one after the other
    std::string referrer{};  ///< the first page that led here; empty for a start page
};

/// A target that a frontier gave out. Its id is the frontier's.
struct Page : Target {
    std::string id{};
};

enum class Outcome {
    fetched,     ///< 2xx
    redirected,  ///< 3xx with a place to go on
    dead,        ///< 4xx: the fault of who links to it
    failed,      ///< no answer, 5xx, or an answer that cannot be used
    excluded,    ///< not asked for, or not kept: robots.txt, noindex, its type, a duplicate
};

/// What became of a page.
struct Visit {
    Page page;
    Outcome outcome = Outcome::failed;
    int status = 0;        ///< 0: no answer
    std::string reason{};  ///< why it failed or was excluded
    std::chrono::system_clock::time_point at{};
    grove::Clock::duration took{};
    grove::http::Headers request{};
    grove::http::Headers headers{};
    std::string body{};
    std::uint64_t bytes = 0;           ///< of the body, which an output may not have wanted
    std::string type{};                ///< "text/html"
    std::vector<Target> found{};       ///< where to go from here
    std::vector<std::string> links{};  ///< all URLs the page links to, if an output wants them

    [[nodiscard]] bool answered() const noexcept { return status != 0; }
};

}  // namespace crawler
