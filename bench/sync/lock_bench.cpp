#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/lock.hpp>
#include <grove/sync/rw_lock.hpp>

#include "support/bench.hpp"

#include <mutex>
#include <shared_mutex>

// A free lock costs a compare and a store of who has it.
void lock_uncontended(benchmark::State& state) {
    grove::Lock lock;
    const Counted counted{state};
    for (auto _ : state) {
        const std::scoped_lock held{lock};
        benchmark::ClobberMemory();
    }
}
GROVE_BENCHMARK(lock_uncontended);

void lock_recursive_uncontended(benchmark::State& state) {
    grove::RLock lock;
    const Counted counted{state};
    for (auto _ : state) {
        const std::scoped_lock held{lock};
        benchmark::ClobberMemory();
    }
}
GROVE_BENCHMARK(lock_recursive_uncontended);

void lock_shared_uncontended(benchmark::State& state) {
    grove::RWLock lock;
    const Counted counted{state};
    for (auto _ : state) {
        const std::shared_lock held{lock};
        benchmark::ClobberMemory();
    }
}
GROVE_BENCHMARK(lock_shared_uncontended);

// Two greenlets that hold the lock across a yield: each round is a hand-over. Compare with switch/yield.
void lock_contended(benchmark::State& state) {
    grove::Lock lock;
    const auto hold_across_yield = [&] {
        const std::scoped_lock held{lock};
        grove::yield();
    };
    auto partner = grove::spawn([&] {
        for (;;) hold_across_yield();
    });
    {
        const Counted counted{state};
        for (auto _ : state) hold_across_yield();
    }
    partner.kill();
    partner.join();
}
GROVE_BENCHMARK(lock_contended);

// A condition handed back and forth under its lock.
void lock_condition_ping_pong(benchmark::State& state) {
    grove::Lock lock;
    grove::Condition changed;
    bool ping = false;
    auto partner = grove::spawn([&] {
        std::unique_lock held{lock};
        for (;;) {
            changed.wait(held, [&] { return ping; });
            ping = false;
            changed.notify_one();
        }
    });
    grove::yield();
    {
        std::unique_lock held{lock};
        const Counted counted{state};
        for (auto _ : state) {
            ping = true;
            changed.notify_one();
            changed.wait(held, [&] { return !ping; });
        }
    }
    partner.kill();
    partner.join();
}
GROVE_BENCHMARK(lock_condition_ping_pong);
