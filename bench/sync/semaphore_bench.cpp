#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/semaphore.hpp>

#include "support/bench.hpp"

#include <chrono>

// A free permit costs a compare and a decrement: no switch, no allocation.
void semaphore_uncontended(benchmark::State& state) {
    grove::Semaphore permits{1};
    const Counted counted{state};
    for (auto _ : state) {
        permits.acquire();
        permits.release();
        benchmark::ClobberMemory();
    }
}
GROVE_BENCHMARK(semaphore_uncontended);

// Two greenlets and two semaphores: each round is two hand-overs and two switches.
// Compare with switch/yield (the floor) and baseline/std_semaphore (two threads).
void semaphore_ping_pong(benchmark::State& state) {
    grove::Semaphore ping{0};
    grove::Semaphore pong{0};
    auto partner = grove::spawn([&] {
        for (;;) {
            ping.acquire();
            pong.release();
        }
    });
    {
        const Counted counted{state};
        for (auto _ : state) {
            ping.release();
            pong.acquire();
        }
    }
    partner.kill();
    partner.join();
}
GROVE_BENCHMARK(semaphore_ping_pong);

// The same with a deadline that is never reached: what arming and cancelling a timer adds, each round.
void semaphore_ping_pong_with_deadline(benchmark::State& state) {
    grove::Semaphore ping{0};
    grove::Semaphore pong{0};
    auto partner = grove::spawn([&] {
        for (;;) {
            ping.acquire();
            pong.release();
        }
    });
    {
        const grove::Deadline by = std::chrono::hours{1};
        const Counted counted{state};
        for (auto _ : state) {
            ping.release();
            (void)pong.acquire(by);
        }
    }
    partner.kill();
    partner.join();
}
GROVE_BENCHMARK(semaphore_ping_pong_with_deadline);
