#include "platform/timer_wheel.hpp"

#include <benchmark/benchmark.h>

#include <memory>
#include <random>
#include <vector>

namespace {

using namespace std::chrono_literals;
using grove::Clock;
using grove::detail::Timer;
using grove::detail::TimerWheel;

constexpr Clock::time_point start{1'000'000s};

/// So many timers, armed for between a second and a minute from now.
class Pending {
public:
    Pending(TimerWheel& wheel, std::int64_t count) {
        std::mt19937_64 random{1};
        std::uniform_int_distribution<std::int64_t> delay{1'000'000'000, 60'000'000'000};
        for (std::int64_t i = 0; i < count; ++i) {
            timers_.push_back(std::make_unique<Timer>([](Timer&) noexcept {}));
            wheel.add(*timers_.back(), start + std::chrono::nanoseconds{delay(random)});
        }
    }

private:
    std::vector<std::unique_ptr<Timer>> timers_;
};

// What a time-out costs that does not expire, as nearly all do not.
void timer_wheel_add_cancel(benchmark::State& state) {
    TimerWheel wheel{start};
    const Pending pending{wheel, state.range(0)};
    Timer timer{[](Timer&) noexcept {}};
    for (auto _ : state) {
        wheel.add(timer, start + 30s);
        wheel.cancel(timer);
    }
}
BENCHMARK(timer_wheel_add_cancel)->Arg(0)->Arg(100'000);

// The same while time goes on, each connection moving its own time-out: timers do not lie in the cache.
void timer_wheel_rearm(benchmark::State& state) {
    TimerWheel wheel{start};
    std::vector<std::unique_ptr<Timer>> timers;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        timers.push_back(std::make_unique<Timer>([](Timer&) noexcept {}));
        wheel.add(*timers.back(), start + 30s);
    }
    Clock::time_point now = start;
    std::size_t i = 0;
    for (auto _ : state) {
        Timer& timer = *timers[i];
        wheel.cancel(timer);
        wheel.add(timer, now + 30s);
        if (++i < timers.size()) continue;
        i = 0;
        now += 10ms;
        wheel.fire_due(now);
    }
}
BENCHMARK(timer_wheel_rearm)->Arg(100)->Arg(100'000);

// A look at the clock when nothing is due: once per turn of the hub.
void timer_wheel_nothing_due(benchmark::State& state) {
    TimerWheel wheel{start};
    const Pending pending{wheel, 100'000};
    Clock::time_point now = start;
    for (auto _ : state) {
        wheel.fire_due(now += 1ns);
        benchmark::DoNotOptimize(wheel.next());
    }
}
BENCHMARK(timer_wheel_nothing_due);

// Sleepers of random length, each firing and arming again: the whole way down the wheel and through the heap.
void timer_wheel_fire(benchmark::State& state) {
    struct Sleeper : Timer {
        Sleeper(TimerWheel& w, std::mt19937_64& r) noexcept
            : Timer{[](Timer& timer) noexcept {
                  auto& self = static_cast<Sleeper&>(timer);
                  self.sleep();
              }},
              wheel{w},
              random{r} {}
        void sleep() noexcept { wheel.add(*this, at + std::chrono::nanoseconds{random() % 1'000'000'000}); }
        TimerWheel& wheel;
        std::mt19937_64& random;
    };
    TimerWheel wheel{start};
    std::mt19937_64 random{1};
    std::vector<std::unique_ptr<Sleeper>> sleepers;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        sleepers.push_back(std::make_unique<Sleeper>(wheel, random));
        sleepers.back()->at = start;
        sleepers.back()->sleep();
    }
    for (auto _ : state) wheel.fire_due(wheel.next());
}
BENCHMARK(timer_wheel_fire)->Arg(100)->Arg(100'000);

}  // namespace
