#pragma once

#include "page.hpp"

#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

// How things are called in files and on the screen.

namespace crawler {

[[nodiscard]] inline std::string_view name_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::fetched:
            return "fetched";
        case Outcome::redirected:
            return "redirected";
        case Outcome::dead:
            return "dead";
        case Outcome::failed:
            return "failed";
        case Outcome::excluded:
            return "excluded";
    }
    return "";
}

/// "2024-05-06T07:08:09Z"
[[nodiscard]] inline std::string utc(std::chrono::system_clock::time_point at) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

[[nodiscard]] inline std::int64_t milliseconds(grove::Clock::duration time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

}  // namespace crawler
