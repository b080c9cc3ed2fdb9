#pragma once

#include <grove/base/time.hpp>

#include <chrono>
#include <concepts>

namespace grove::detail {

/// The Deadline that a time point of any clock means now. One too far away for nanoseconds is never.
template <class AnyClock, class Duration>
[[nodiscard]] Deadline deadline_at(const std::chrono::time_point<AnyClock, Duration>& at) {
    using Seconds = std::chrono::duration<double>;
    constexpr Seconds furthest = Seconds{Clock::duration::max()} * 0.99;
    const Seconds since_epoch{at.time_since_epoch()};
    if (since_epoch > furthest) return {};
    if (since_epoch < Seconds::zero()) return Clock::duration::zero();  // passed long ago
    if constexpr (std::same_as<AnyClock, Clock>) {
        return std::chrono::ceil<Clock::duration>(at);
    } else {
        return at - AnyClock::now();
    }
}

}  // namespace grove::detail
