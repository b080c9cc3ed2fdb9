#pragma once

#include <grove/base/time.hpp>
#include <grove/core/runtime.hpp>

#include "http/deadlines.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace grove::detail {

/// How slow a peer may be with one message.
struct PaceLimits {
    std::chrono::milliseconds stall = std::chrono::milliseconds::max();  ///< without a byte
    std::uint64_t rate = 0;              ///< bytes per second, over all the time we waited; 0: none
    std::chrono::milliseconds grace{0};  ///< time that does not count
};

/// Watches one message on its way. Only the time spent in waiting for the peer counts, so a handler may be as
/// slow as it likes.
class Pace {
public:
    explicit Pace(const PaceLimits& limits) noexcept : limits_{limits} {
        limits_.grace = std::min(limits_.grace, most_grace);
    }

    void start() noexcept {
        waited_ = Clock::duration::zero();
        moved_ = 0;
    }
    /// A call begins that may wait: until when the peer has time.
    [[nodiscard]] Deadline begin() noexcept {
        began_ = now();
        if (limits_.rate == 0) return later(began_, limits_.stall);
        if (waited_ == Clock::duration::zero()) return later(began_, std::min(limits_.stall, limits_.grace));
        return later(began_, std::clamp(left(), std::chrono::milliseconds{0}, limits_.stall));
    }
    /// It has ended, and moved so much.
    void end(std::size_t n) noexcept {
        moved_ += n;
        waited_ += now() - began_;
    }

private:
    [[nodiscard]] std::chrono::milliseconds left() const noexcept {
        const std::chrono::milliseconds earned{
            static_cast<std::int64_t>(std::min<std::uint64_t>(moved_, most_counted) * 1000 / limits_.rate)};
        return limits_.grace + earned - std::chrono::duration_cast<std::chrono::milliseconds>(waited_);
    }

    // So that nothing overflows above.
    static constexpr std::uint64_t most_counted = std::uint64_t{1} << 50;
    static constexpr std::chrono::milliseconds most_grace{std::int64_t{1} << 60};

    PaceLimits limits_;
    Clock::time_point began_{};
    Clock::duration waited_{};
    std::uint64_t moved_ = 0;
};

}  // namespace grove::detail
