#include <grove/core/runtime.hpp>

#include "support/bench.hpp"

// Nothing is up: a load and a branch, so a checkpoint may stand in an inner loop.
void checkpoint_quiet(benchmark::State& state) {
    Counted counted{state};
    for (auto _ : state) grove::checkpoint();
}
GROVE_BENCHMARK(checkpoint_quiet);
