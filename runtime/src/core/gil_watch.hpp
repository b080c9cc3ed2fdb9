#pragma once

#include "core/gil_state.hpp"

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace grove::detail {

/// Notices a thread that is not the runtime's and keeps the Gil, though it was asked for it, for longer than
/// a limit. A part of the watchdog; like that it speaks at the limit, at ten times the limit and so on, and
/// at the end.
class GilWatch {
public:
    GilWatch(const GilState& gil,
             pid_t runtimes_thread,
             std::chrono::nanoseconds limit,
             std::atomic<std::uint64_t>& runaways) noexcept
        : gil_{gil}, runtimes_thread_{runtimes_thread}, limit_{limit}, runaways_{runaways} {}

    /// True: such a thread has kept it since the last look.
    bool look();
    /// The runtime ends.
    void end() { forget(); }

private:
    using SteadyTime = std::chrono::steady_clock::time_point;

    /// Of the holder, since it was first seen not to answer.
    struct Sight {
        std::uint64_t switch_number;
        SteadyTime since;
        std::chrono::nanoseconds next_report;
    };

    [[nodiscard]] bool withheld() const noexcept;
    void report();
    void forget();

    const GilState& gil_;
    const pid_t runtimes_thread_;
    const std::chrono::nanoseconds limit_;
    std::atomic<std::uint64_t>& runaways_;
    std::optional<Sight> sight_;
    std::string holder_;  // for the line at its end; empty: nothing was said
};

}  // namespace grove::detail
