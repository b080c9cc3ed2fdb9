#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>

#include "support/bench.hpp"

#include <vector>

// To a sleeping pool thread and back to a sleeping runtime, for nothing.
// The floor is baseline/futex_and_eventfd_round_trip.
void offload_empty(benchmark::State& state) {
    grove::offload_map(std::vector<int>(64), [](int i) { return i; });  // starts the pool's threads
    Counted counted{state};
    for (auto _ : state) grove::offload([] {});
}
GROVE_BENCHMARK(offload_empty)->UseRealTime();

// 64 greenlets at once: the wake-ups are shared, so each job costs a fraction of the round trip.
void offload_burst(benchmark::State& state) {
    std::vector<grove::Greenlet<>> greenlets(64);
    auto burst = [&] {
        for (auto& greenlet : greenlets) greenlet = grove::spawn([] { grove::offload([] {}); });
        grove::join_all(greenlets);
    };
    burst();  // starts the pool's threads
    Counted counted{state};
    for (auto _ : state) burst();
    show_each(state, "job", 64);
}
GROVE_BENCHMARK(offload_burst)->UseRealTime();
