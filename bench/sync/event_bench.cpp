#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/event.hpp>

#include "support/bench.hpp"

#include <vector>

// Waiting for an event that is set costs a look.
void event_wait_when_set(benchmark::State& state) {
    grove::Event event;
    event.set();
    const Counted counted{state};
    for (auto _ : state) {
        event.wait();
        benchmark::ClobberMemory();
    }
}
GROVE_BENCHMARK(event_wait_when_set);

// Two events, two greenlets: each round is two wake-ups and two switches.
void event_ping_pong(benchmark::State& state) {
    grove::Event ping;
    grove::Event pong;
    auto partner = grove::spawn([&] {
        for (;;) {
            ping.wait();
            ping.clear();
            pong.set();
        }
    });
    {
        const Counted counted{state};
        for (auto _ : state) {
            ping.set();
            pong.wait();
            pong.clear();
        }
    }
    partner.kill();
    partner.join();
}
GROVE_BENCHMARK(event_ping_pong);

// One set() wakes a hundred.
void event_wake_100(benchmark::State& state) {
    constexpr int count = 100;
    grove::Event event;
    std::vector<grove::Greenlet<>> waiters;
    for (int i = 0; i < count; ++i) {
        waiters.push_back(grove::spawn([&] {
            for (;;) {
                event.wait();
                grove::yield();  // main clears it first
            }
        }));
    }
    grove::yield();
    {
        const Counted counted{state};
        for (auto _ : state) {
            event.set();
            event.clear();
            grove::yield();
            grove::yield();
        }
        show_each(state, "waiter", count);
    }
    grove::kill_all(waiters);
    grove::join_all(waiters);
}
GROVE_BENCHMARK(event_wake_100);

// A result from one greenlet to another: set, and get by who waits.
void event_async_result(benchmark::State& state) {
    grove::AsyncResult<int>* waited_for = nullptr;
    auto partner = grove::spawn([&] {
        for (;;) {
            if (waited_for) waited_for->set(1);
            grove::yield();
        }
    });
    {
        const Counted counted{state};
        for (auto _ : state) {
            grove::AsyncResult<int> result;
            waited_for = &result;
            benchmark::DoNotOptimize(result.get());
            waited_for = nullptr;
        }
    }
    partner.kill();
    partner.join();
}
GROVE_BENCHMARK(event_async_result);
