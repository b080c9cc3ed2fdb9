#pragma once

#include <grove/base/time.hpp>
#include <grove/core/runtime.hpp>

#include <chrono>

namespace grove::detail {

/// So long after that moment; never, if there is no such time.
[[nodiscard]] inline Deadline later(Clock::time_point now, std::chrono::milliseconds delay) noexcept {
    const auto room = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::time_point::max() - now);
    return delay < room ? Deadline{now + delay} : Deadline{};
}

/// So long after the present turn of the loop: no look at the clock, unlike a Deadline made of a duration.
[[nodiscard]] inline Deadline from_now(std::chrono::milliseconds delay) noexcept {
    return later(now(), delay);
}

}  // namespace grove::detail
