#include "support/bench.hpp"

#include <grove/core/runtime.hpp>

#include "core/scheduler.hpp"
#include "support/system_calls.hpp"

#include <cmath>
#include <cstdlib>
#include <new>
#include <string_view>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(label) (void)(label)
#endif

namespace {

constinit thread_local std::uint64_t allocations = 0;

/// The benchmark that runs.
std::string this_row;

std::uint64_t switches() noexcept {
    const auto* scheduler = grove::detail::Scheduler::here();
    return scheduler ? scheduler->switches() : 0;
}

/// "switch/yield" for switch_yield in bench/core/switch_bench.cpp.
std::string row_name(std::string_view file, std::string_view function) {
    file.remove_prefix(file.rfind('/') + 1);
    const std::string subject{file.substr(0, file.rfind("_bench.cpp"))};
    if (function.starts_with(subject + '_')) function.remove_prefix(subject.size() + 1);
    return subject + '/' + std::string{function};
}

}  // namespace

benchmark::internal::Benchmark* register_in_runtime(const char* file,
                                                    const char* function,
                                                    void (*body)(benchmark::State&)) {
    const std::string row = row_name(file, function);
    return benchmark::RegisterBenchmark(row.c_str(), [row, body](benchmark::State& state) {
        this_row = row;
        grove::run([&] { body(state); });
    });
}

// --- counting ---------------------------------------------------------------------------------------

Counted::Counted(benchmark::State& state)
    : state_{state}, allocations_{allocations}, switches_{switches()}, system_calls_{system_calls()} {
    CALLGRIND_ZERO_STATS;
}

Counted::~Counted() {
    const std::string label = this_row + ' ' + std::to_string(state_.iterations());
    CALLGRIND_DUMP_STATS_AT(label.c_str());
    const auto per_round = [this](std::uint64_t count) {
        return std::round(1000.0 * static_cast<double>(count) / static_cast<double>(state_.iterations())) /
               1000;
    };
    state_.counters["syscalls/op"] = per_round(system_calls() - system_calls_);
    state_.counters["allocs/op"] = per_round(allocations - allocations_);
    state_.counters["switches/op"] = per_round(switches() - switches_);
}

void show_each(benchmark::State& state, const std::string& part, int n) {
    using benchmark::Counter;
    const auto parts = static_cast<double>(state.iterations()) * n;
    state.counters["per_" + part] = Counter{parts, Counter::kIsRate | Counter::kInvert};
}

// Every other form of new ends in one of these two.

void* operator new(std::size_t size) {
    ++allocations;
    if (void* const memory = std::malloc(size)) return memory;
    throw std::bad_alloc{};
}

void* operator new(std::size_t size, std::align_val_t alignment) {
    ++allocations;
    const auto unit = static_cast<std::size_t>(alignment);
    if (void* const memory = std::aligned_alloc(unit, (size + unit - 1) / unit * unit)) return memory;
    throw std::bad_alloc{};
}

void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}

BENCHMARK_MAIN();
