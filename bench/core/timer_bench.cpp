#include <grove/base/timer.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>

#include "core/scheduler.hpp"
#include "support/bench.hpp"

#include <chrono>
#include <deque>

using namespace std::chrono_literals;

namespace {

/// 100,000 timers, spread over the next hour, for others to be set among.
class PendingTimers {
public:
    PendingTimers() {
        const auto now = grove::now();
        for (int i = 1; i <= 100'000; ++i) wheel_.add(timers_.emplace_back(nothing), now + i * 36ms);
    }
    ~PendingTimers() {
        for (auto& timer : timers_) wheel_.cancel(timer);
    }
    PendingTimers(const PendingTimers&) = delete;
    PendingTimers& operator=(const PendingTimers&) = delete;

    static void nothing(grove::detail::Timer&) noexcept {}

private:
    grove::detail::TimerWheel& wheel_ = grove::detail::Scheduler::here()->timers();
    std::deque<grove::detail::Timer> timers_;
};

}  // namespace

// Nearly all timers are cancelled, so that is what must be cheap, however many wait.
void timer_set_and_cancel(benchmark::State& state) {
    PendingTimers pending;
    auto& wheel = grove::detail::Scheduler::here()->timers();
    grove::detail::Timer timer{PendingTimers::nothing};
    const auto start = grove::now();
    std::int64_t round = 0;
    Counted counted{state};
    for (auto _ : state) {
        wheel.add(timer, start + 1s + (++round % 1024) * 1ms);
        wheel.cancel(timer);
    }
}
GROVE_BENCHMARK(timer_set_and_cancel);

// The same through the front door: a Timeout scope that does not expire, with the clock read its duration
// costs.
void timer_timeout_scope(benchmark::State& state) {
    PendingTimers pending;
    Counted counted{state};
    for (auto _ : state) grove::Timeout scope{10s};
}
GROVE_BENCHMARK(timer_timeout_scope);

// The shortest real sleep: a timer, a turn of the hub, a sleep in the event loop; no allocation.
void timer_sleep(benchmark::State& state) {
    Counted counted{state};
    for (auto _ : state) grove::sleep(1us);
}
GROVE_BENCHMARK(timer_sleep)->UseRealTime();
