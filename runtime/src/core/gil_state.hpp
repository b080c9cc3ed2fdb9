#pragma once

#include <grove/base/time.hpp>
#include <grove/core/gil.hpp>

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace grove::detail {

class Watchdog;

/// The bits of the breaker: what a checkpoint() has to look at.
namespace breaker_bit {
inline constexpr std::uint32_t drop_request = 1;  ///< another thread waits for the Gil, since an interval
inline constexpr std::uint32_t slice_used = 2;    ///< the running greenlet has had its time slice
inline constexpr std::uint32_t signalled = 4;     ///< the running greenlet was killed or timed out
inline constexpr std::uint32_t ticker_idle = 8;   ///< nobody watches time slices at present
}  // namespace breaker_bit

/// The inside of a Gil, after CPython's ceval_gil.c, but that waiters stand in a line (decisions/0022).
///
/// - `locked` is the lock: taken by a compare-exchange when free (the runtime's thread takes it once per turn
///   of its loop, nearly always without company), else by the first in the line, who is called when it is
///   freed.
/// - A waiter that has seen the same holder for a whole interval sets drop_request in the breaker.
/// - Forced switching: who gives the Gil up on request waits on `taken` until somebody else has had it; else,
///   on many cores, it would win the race to take it back, and the waiter starve.
struct GilState {
    class Waiter;

    explicit GilState(std::chrono::microseconds interval) noexcept : interval_us{interval.count()} {}

    std::atomic<std::uint32_t> breaker{0};
    std::atomic<bool> locked{false};
    std::atomic<int> waiting{0};                  ///< threads in the slow half of lock()
    std::atomic<pid_t> holder{0};                 ///< the thread that has it, or had it last
    std::atomic<std::uint64_t> switch_number{0};  ///< changes of holder
    std::atomic<std::int64_t> interval_us;
    std::atomic<bool> ended{false};  ///< or about to: it waits for those who are away
    std::atomic<int> away{0};        ///< threads that let go of it for a while. Written by its holders.

    std::atomic<Clock::time_point> switched_at{};  ///< when `holder` took it

    std::mutex mutex;  ///< guards the line, and who watches it
    Waiter* first = nullptr;
    Waiter* last = nullptr;
    Watchdog* watchdog = nullptr;  ///< null: nobody. It may sleep when somebody has waited for long.
    std::condition_variable taken;

    std::atomic<std::uint64_t> forced{0};
    std::atomic<std::int64_t> held_ns{0};
    std::atomic<std::int64_t> waited_ns{0};
    std::atomic<std::int64_t> longest_hold_ns{0};

    Scheduler* scheduler = nullptr;  ///< whose Gil it is; null once it has ended
    Gil* outer = nullptr;            ///< the Gil its holder held before
};

struct GilAccess {
    static GilState& state(Gil& gil) noexcept { return *gil.state_; }
    /// The Gil this thread holds (the one taken last), or null.
    [[nodiscard]] static Gil* held_by_this_thread() noexcept;
    /// lock() that cannot fail: for the runtime's thread, and in come_back().
    static void relock(Gil&) noexcept;
    /// Lets go of it for a while: the runtime does not end before this thread has come back and unlocked it.
    static void leave(Gil&) noexcept;
    static void come_back(Gil&) noexcept;
    /// Gives it to who waits for it, and takes it back after that.
    static void hand_over(Gil&) noexcept;
    /// The runtime ends: whoever waits, or comes later, gets Errc::closed. Returns, with the Gil, when all
    /// who were away have come back and left.
    static void close(Gil&) noexcept;
    /// The runtime has ended. Nobody will have it again. Requires: closed, and held.
    static void end(Gil&) noexcept;
};

}  // namespace grove::detail
