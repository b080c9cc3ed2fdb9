#pragma once

#include "core/gil_watch.hpp"
#include "platform/watched_thread.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace grove::detail {

class Scheduler;

/// Notices that the runtime's thread has been busy with one greenlet for longer than a limit, and logs who it
/// is and where it stands: a native thread that looks twice per limit whether anybody has been switched to.
/// It says so at the limit, at ten times the limit and so on, and at the end how long it was.
///
/// A thread that wants to run and gets no core is not to blame: only one that computes, or sleeps in the
/// kernel. When nothing has happened for a while the watchdog sleeps, too, until the hub wakes it, or who
/// waits for the Gil.
class Watchdog {
public:
    /// Requires: made and destroyed on the runtime's thread.
    Watchdog(std::chrono::milliseconds limit, Scheduler&);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    void wake_if_asleep() noexcept {
        if (asleep_.load(std::memory_order_relaxed)) wake();
    }
    [[nodiscard]] std::uint64_t runaways() const noexcept {
        return runaways_.load(std::memory_order_relaxed);
    }

private:
    using SteadyTime = std::chrono::steady_clock::time_point;

    /// The last thing the thread was seen to do.
    struct Sight {
        std::uint64_t progress = 0;
        SteadyTime since{};
        std::chrono::nanoseconds cpu_time{};
        std::chrono::nanoseconds next_report{};
    };

    void wake() noexcept;
    void work() noexcept;
    void look();
    [[nodiscard]] Sight look_closely() const noexcept;
    void look_at_runaway();
    void report_end();
    void report(std::chrono::nanoseconds held, bool computes);
    [[nodiscard]] std::uint64_t progress() const noexcept;

    const std::chrono::nanoseconds limit_;
    Scheduler& scheduler_;
    const WatchedThread watched_;
    GilState& gil_;
    GilWatch gil_watch_;
    Sight sight_;
    std::string runaway_;  // who it is, for the line at its end; empty: nobody
    int quiet_looks_ = 0;

    std::atomic<bool> asleep_{false};
    std::atomic<std::uint64_t> runaways_{0};
    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace grove::detail
