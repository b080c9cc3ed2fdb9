#include <grove/base/time.hpp>

#include "base/clock.hpp"

#include <utility>

namespace grove::detail {

namespace {
constinit thread_local ClockHook clock_hook;
}  // namespace

ClockHook set_clock_hook(ClockHook hook) noexcept {
    return std::exchange(clock_hook, hook);
}

Clock::time_point fresh_now() noexcept {
    return clock_hook.now ? clock_hook.now(clock_hook.context) : Clock::now();
}

}  // namespace grove::detail
