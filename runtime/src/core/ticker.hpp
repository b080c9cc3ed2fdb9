#pragma once

#include <grove/base/time.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace grove::detail {

class Scheduler;

/// Notices that a greenlet has had its time slice, so that checkpoint() itself reads no clock: a native
/// thread that raises the breaker if nobody was switched to for a slice; for a quarter of it, if the hub has
/// something to do.
///
/// It works only while checkpoints are used: after some looks it puts ticker_idle into the breaker, and if no
/// checkpoint() answers, it sleeps; the next one sets it going again.
class Ticker {
public:
    Ticker(std::chrono::microseconds slice, Scheduler&);
    ~Ticker();
    Ticker(const Ticker&) = delete;
    Ticker& operator=(const Ticker&) = delete;

    void watch_for_a_while() noexcept;
    /// Whoever was made to give up its slice runs again.
    void note_new_slice() noexcept;

private:
    void work() noexcept;
    void look(std::unique_lock<std::mutex>&) noexcept;

    const std::chrono::microseconds slice_;
    Scheduler& scheduler_;
    std::atomic<Clock::time_point> slice_began_{Clock::time_point{}};

    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    int looks_left_ = 0;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace grove::detail
