#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace grove::detail {

class Scheduler;

/// Notices that a greenlet has had its time slice: a native thread that looks four times per slice whether
/// anybody has been switched to, and if nobody was, four times in a row, raises the breaker; the first time,
/// if the hub has news to deliver. So checkpoint() itself reads no clock.
///
/// It works only while checkpoints are used: after some ticks it puts ticker_idle into the breaker, and if no
/// checkpoint() answers, it sleeps; the next one sets it going again.
class Ticker {
public:
    Ticker(std::chrono::microseconds slice, Scheduler&);
    ~Ticker();
    Ticker(const Ticker&) = delete;
    Ticker& operator=(const Ticker&) = delete;

    void watch_for_a_while() noexcept;

private:
    void work() noexcept;

    const std::chrono::microseconds slice_;
    Scheduler& scheduler_;

    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    int ticks_left_ = 0;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace grove::detail
