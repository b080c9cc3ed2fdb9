#pragma once

#include <grove/base/time.hpp>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace grove::detail {

/// Where fresh_now() looks on this thread; null function: the steady clock.
struct ClockHook {
    Clock::time_point (*now)(void* context) noexcept = nullptr;
    void* context = nullptr;
};

/// Returns the one before.
ClockHook set_clock_hook(ClockHook) noexcept;

[[nodiscard]] inline timespec to_timespec(std::chrono::nanoseconds delay) noexcept {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(delay);
    return {static_cast<time_t>(seconds.count()), static_cast<long>((delay - seconds).count())};
}

/// A duration as it was asked for, but short enough to be added to a time and multiplied.
template <class Duration>
[[nodiscard]] constexpr Duration within_reason(Duration asked_for) noexcept {
    constexpr std::chrono::hours ten_years{10 * 365 * 24};
    return std::min<Duration>(asked_for, ten_years);
}

}  // namespace grove::detail
