#include "platform/stack_pool.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using grove::detail::GuardKind;
using grove::detail::StackPool;
using grove::detail::StackSpan;

// What a spawn pays for its stack when another greenlet has just ended.
void stack_warm(benchmark::State& state) {
    StackPool pool;
    pool.give_back(pool.take());
    for (auto _ : state) {
        const StackSpan span = pool.take();
        benchmark::DoNotOptimize(span.top);
        pool.give_back(span);
    }
}
BENCHMARK(stack_warm);

// One that returned its memory: a madvise, and on the next use a page fault.
void stack_cold(benchmark::State& state) {
    StackPool pool{{.keep_warm = 0}};
    for (auto _ : state) {
        const StackSpan span = pool.take();
        *(span.top - 1) = std::byte{1};
        pool.give_back(span);
    }
}
BENCHMARK(stack_cold);

// A size that is not the pool's own.
void stack_warm_of_another_size(benchmark::State& state) {
    StackPool pool;
    pool.give_back(pool.take(64 * 1024));
    for (auto _ : state) {
        const StackSpan span = pool.take(64 * 1024);
        benchmark::DoNotOptimize(span.top);
        pool.give_back(span);
    }
}
BENCHMARK(stack_warm_of_another_size);

// --- a million --------------------------------------------------------------------------------------

std::size_t count_maps() {
    std::ifstream maps{"/proc/self/maps"};
    return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>{maps}, {}, '\n'));
}

/// In KiB, of /proc/self/status.
double memory(const std::string& field) {
    std::ifstream status{"/proc/self/status"};
    for (std::string name; status >> name;) {
        double value = 0;
        if (name == field + ":" && status >> value) return value;
    }
    return 0;
}

void use(const StackSpan& span) {
    *(span.top - 1) = std::byte{1};
}
void leave(const StackSpan&) {}

/// Takes so many new stacks per iteration; what they cost in time, memory and maps.
void take_new(benchmark::State& state, GuardKind kind, void (*first_use)(const StackSpan&)) {
    const auto count = static_cast<std::size_t>(state.range(0));
    std::vector<StackSpan> spans(count);
    for (auto _ : state) {
        std::optional<StackPool> pool{std::in_place, grove::detail::StackPoolOptions{.force = kind}};
        const double resident = memory("VmRSS"), tables = memory("VmPTE");
        const auto began = std::chrono::steady_clock::now();
        for (StackSpan& span : spans) {
            span = pool->take();
            first_use(span);
        }
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        state.SetIterationTime(took.count());
        const auto each = static_cast<double>(count);
        state.counters["ns/stack"] = took.count() * 1e9 / each;
        state.counters["KiB/stack"] = (memory("VmRSS") - resident) / each;
        state.counters["tables_KiB/stack"] = (memory("VmPTE") - tables) / each;
        state.counters["maps"] = static_cast<double>(count_maps());
        for (const StackSpan& span : spans) pool->give_back(span);
    }
}
BENCHMARK_CAPTURE(take_new, untouched, GuardKind::madvise, leave)
    ->Arg(1'000'000)
    ->UseManualTime()
    ->Iterations(1);
BENCHMARK_CAPTURE(take_new, touched, GuardKind::madvise, use)->Arg(1'000'000)->UseManualTime()->Iterations(1);
BENCHMARK_CAPTURE(take_new, touched_canary, GuardKind::canary, use)
    ->Arg(1'000'000)
    ->UseManualTime()
    ->Iterations(1);
BENCHMARK_CAPTURE(take_new, touched_mprotect, GuardKind::mprotect, use)
    ->Arg(16'000)
    ->UseManualTime()
    ->Iterations(1);

}  // namespace
