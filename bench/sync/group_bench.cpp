#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/group.hpp>

#include "support/bench.hpp"

#include <vector>

// What looking after a greenlet adds to spawn + run + join: compare with spawn/spawn_join.
void group_spawn_join(benchmark::State& state) {
    grove::Group group;
    const Counted counted{state};
    for (auto _ : state) {
        group.spawn([] {});
        group.join();
    }
}
GROVE_BENCHMARK(group_spawn_join);

void group_pool_spawn_join(benchmark::State& state) {
    grove::Pool pool{4};
    const Counted counted{state};
    for (auto _ : state) {
        pool.spawn([] {});
        pool.join();
    }
}
GROVE_BENCHMARK(group_pool_spawn_join);

// A hundred calls through ten places.
void group_map_100(benchmark::State& state) {
    constexpr int count = 100;
    grove::Pool pool{10};
    const std::vector<int> inputs(count, 1);
    const auto round = [&] { benchmark::DoNotOptimize(pool.map(inputs, [](int i) { return i + 1; })); };
    round();  // makes the stacks
    const Counted counted{state};
    for (auto _ : state) round();
    show_each(state, "call", count);
}
GROVE_BENCHMARK(group_map_100);

void group_imap_100(benchmark::State& state) {
    constexpr int count = 100;
    grove::Pool pool{10};
    const std::vector<int> inputs(count, 1);
    const auto round = [&] {
        for (int result : pool.imap(inputs, [](int i) { return i + 1; })) benchmark::DoNotOptimize(result);
    };
    round();  // makes the stacks
    const Counted counted{state};
    for (auto _ : state) round();
    show_each(state, "call", count);
}
GROVE_BENCHMARK(group_imap_100);
