#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>

#include "support/bench.hpp"

#include <vector>

// A greenlet's whole life on a warm stack: one allocation, for its control block and closure.
// Compare with baseline/context_make_and_jump (the floor) and baseline/thread_spawn_join.
void spawn_run_join(benchmark::State& state) {
    Counted counted{state};
    for (auto _ : state) grove::spawn([] {}).join();
}
GROVE_BENCHMARK(spawn_run_join);

// A result comes back through the same allocation.
void spawn_get(benchmark::State& state) {
    Counted counted{state};
    for (auto _ : state) benchmark::DoNotOptimize(grove::spawn([] { return 1; }).get());
}
GROVE_BENCHMARK(spawn_get);

// A hundred alive at once, each on its own stack: what a switch to a cold stack adds.
void spawn_hundred(benchmark::State& state) {
    std::vector<grove::Greenlet<>> greenlets(100);
    const auto round = [&] {
        for (auto& greenlet : greenlets) greenlet = grove::spawn([] { grove::yield(); });
        grove::join_all(greenlets);
    };
    round();  // makes the stacks
    Counted counted{state};
    for (auto _ : state) round();
    show_each(state, "greenlet", 100);
}
GROVE_BENCHMARK(spawn_hundred);
