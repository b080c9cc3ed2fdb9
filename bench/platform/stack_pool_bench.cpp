#include "platform/stack_pool.hpp"
#include "support/memory.hpp"

#include <benchmark/benchmark.h>

#include <ctime>
#include <vector>

namespace {

using grove::detail::GuardKind;
using grove::detail::StackPool;
using grove::detail::StackSpan;

// What a spawn pays for its stack when another greenlet has just ended.
void stack_pool_warm(benchmark::State& state) {
    StackPool pool;
    pool.give_back(pool.take());
    for (auto _ : state) {
        const StackSpan span = pool.take();
        benchmark::DoNotOptimize(span.top);
        pool.give_back(span);
    }
}
BENCHMARK(stack_pool_warm);

// One that returned its memory: a madvise, and on the next use a page fault.
void stack_pool_cold(benchmark::State& state) {
    StackPool pool{{.keep_warm = 0}};
    for (auto _ : state) {
        const StackSpan span = pool.take();
        *(span.top - 1) = std::byte{1};
        pool.give_back(span);
    }
}
BENCHMARK(stack_pool_cold);

// A size that is not the pool's own.
void stack_pool_warm_of_another_size(benchmark::State& state) {
    StackPool pool;
    pool.give_back(pool.take(64 * 1024));
    for (auto _ : state) {
        const StackSpan span = pool.take(64 * 1024);
        benchmark::DoNotOptimize(span.top);
        pool.give_back(span);
    }
}
BENCHMARK(stack_pool_warm_of_another_size);

// --- a million --------------------------------------------------------------------------------------

void use(const StackSpan& span) {
    *(span.top - 1) = std::byte{1};
}
void leave(const StackSpan&) {}

/// Takes so many new stacks per iteration; what they cost in processor time, memory and maps.
void stack_pool_new(benchmark::State& state, GuardKind kind, void (*first_use)(const StackSpan&)) {
    const auto count = static_cast<std::size_t>(state.range(0));
    std::vector<StackSpan> spans(count);
    for (auto _ : state) {
        StackPool pool{{.force = kind}};
        const Memory before = Memory::now();
        const std::clock_t began = std::clock();
        for (StackSpan& span : spans) {
            span = pool.take();
            first_use(span);
        }
        const double seconds = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
        state.SetIterationTime(seconds);
        const auto each = static_cast<double>(count);
        state.counters["ns/stack"] = seconds * 1e9 / each;
        const Memory after = Memory::now();
        state.counters["KiB/stack"] = static_cast<double>(after.resident - before.resident) / each;
        state.counters["tables_KiB/stack"] =
            static_cast<double>(after.page_tables - before.page_tables) / each;
        state.counters["maps"] = static_cast<double>(after.maps);
        for (const StackSpan& span : spans) pool.give_back(span);
    }
}
BENCHMARK_CAPTURE(stack_pool_new, untouched, GuardKind::madvise, leave)
    ->Arg(1'000'000)
    ->UseManualTime()
    ->Iterations(1);
BENCHMARK_CAPTURE(stack_pool_new, touched, GuardKind::madvise, use)
    ->Arg(1'000'000)
    ->UseManualTime()
    ->Iterations(1);
BENCHMARK_CAPTURE(stack_pool_new, touched_canary, GuardKind::canary, use)
    ->Arg(1'000'000)
    ->UseManualTime()
    ->Iterations(1);
BENCHMARK_CAPTURE(stack_pool_new, touched_mprotect, GuardKind::mprotect, use)
    ->Arg(16'000)
    ->UseManualTime()
    ->Iterations(1);

}  // namespace
