#pragma once

#include <grove/base/time.hpp>

namespace grove::detail {

/// Where fresh_now() looks on this thread; null function: the steady clock.
struct ClockHook {
    Clock::time_point (*now)(void* context) noexcept = nullptr;
    void* context = nullptr;
};

/// Returns the one before.
ClockHook set_clock_hook(ClockHook) noexcept;

}  // namespace grove::detail
