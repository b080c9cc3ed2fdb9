#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/stats.hpp>

#include "support/bench.hpp"

// switch/yield while profiling is on: by way of the hub, two looks at the clock.
void profile_yield(benchmark::State& state) {
    grove::set_profiling(true);
    auto other = grove::spawn([] {
        for (;;) grove::yield();
    });
    for (auto _ : state) grove::yield();
    show_each(state, "switch", 2);
    other.kill();
}
GROVE_BENCHMARK(profile_yield);
