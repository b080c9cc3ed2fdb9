#include <grove/core/offload.hpp>
#include <grove/io/process_pool.hpp>

#include "support/bench.hpp"

#include <string>

// What it costs to have a function run elsewhere, by the bytes that it takes and gives: in a process of a
// pool, which gets a copy and sends one back, and on a pool thread, which looks at the same memory.

namespace {

std::string same(std::string text) {
    return text;
}

}  // namespace

void process_pool_in_process(benchmark::State& state) {
    const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
    grove::ProcessPool pool{{.workers = 1}};
    (void)pool.apply(same, text);
    for (auto _ : state) benchmark::DoNotOptimize(pool.apply(same, text));
}
GROVE_BENCHMARK(process_pool_in_process)->Arg(0)->Arg(1 << 10)->Arg(1 << 16)->Arg(1 << 20)->UseRealTime();

// The same by offload().
void process_pool_on_thread(benchmark::State& state) {
    const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
    grove::offload([] {});
    for (auto _ : state) benchmark::DoNotOptimize(grove::offload([&text] { return same(text); }));
}
GROVE_BENCHMARK(process_pool_on_thread)->Arg(0)->Arg(1 << 10)->Arg(1 << 16)->Arg(1 << 20)->UseRealTime();
