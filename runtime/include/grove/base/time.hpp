#pragma once

#include <algorithm>
#include <chrono>
#include <compare>

namespace grove {

using Clock = std::chrono::steady_clock;

namespace detail {
/// The time that Deadlines count from: the runtime's clock on a thread that runs one (a test's virtual
/// clock, for instance), else the steady clock. Never a cached value: a stale one would fire early.
[[nodiscard]] Clock::time_point fresh_now() noexcept;
}  // namespace detail

/// The moment by which a blocking call must be done: never, unless given.
/// A duration converts to "that long from now", so `queue.get(50ms)` reads as meant;
/// zero or less has already passed: look once, do not wait.
class Deadline {
public:
    constexpr Deadline() noexcept = default;
    /// A moment before the epoch of the clock counts as the epoch: then the time that is left has no
    /// overflow.
    constexpr Deadline(Clock::time_point at) noexcept : at_{std::max(at, Clock::time_point{})} {}

    /// Rounds up; a delay too long to add to now() becomes never.
    template <class Rep, class Period>
    Deadline(std::chrono::duration<Rep, Period> delay) noexcept;

    [[nodiscard]] constexpr Clock::time_point at() const noexcept { return at_; }
    [[nodiscard]] constexpr bool is_never() const noexcept { return at_ == Clock::time_point::max(); }
    [[nodiscard]] bool passed() const noexcept { return !is_never() && at_ <= detail::fresh_now(); }

    friend constexpr auto operator<=>(Deadline, Deadline) noexcept = default;

private:
    Clock::time_point at_ = Clock::time_point::max();
};

// ---------------------------------------------------------------------------------------------

template <class Rep, class Period>
Deadline::Deadline(std::chrono::duration<Rep, Period> delay) noexcept {
    // Long delays (hours::max(), infinity) overflow nanoseconds; they are compared as seconds in floating
    // point.
    using Seconds = std::chrono::duration<double>;
    if (Seconds{delay} <= Seconds::zero()) {
        at_ = {};  // the epoch: long past for every clock, also one that is behind, as that of a turn
        return;
    }
    const auto now = detail::fresh_now();
    const auto room = Clock::time_point::max() - now;
    if (Seconds{delay} < Seconds{room} * 0.99) at_ = now + std::chrono::ceil<Clock::duration>(delay);
}

}  // namespace grove
