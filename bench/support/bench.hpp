#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

/// Registers `void function(benchmark::State&)` to be run as the main greenlet of a fresh runtime. The row is
/// named for the file and the function: semaphore_ping_pong in semaphore_bench.cpp is "semaphore/ping_pong".
/// The options of Google Benchmark may follow: `GROVE_BENCHMARK(burst)->UseRealTime();`.
#define GROVE_BENCHMARK(function)                                                  \
    [[maybe_unused]] static benchmark::internal::Benchmark* const function##_row = \
        register_in_runtime(__FILE__, #function, function)

benchmark::internal::Benchmark* register_in_runtime(const char* file,
                                                    const char* function,
                                                    void (*body)(benchmark::State&));

/// While it lives, counts what this thread allocates, what it asks of the kernel (support/system_calls.hpp),
/// and how often its runtime switches; its end adds allocs/op, syscalls/op and switches/op to the row, to the
/// nearest thousandth, so that what happens once does not count. Under callgrind its end dumps the
/// instructions of its life, under the name of the row and the number of its rounds.
class Counted {
public:
    explicit Counted(benchmark::State& state);
    ~Counted();
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

private:
    benchmark::State& state_;
    std::uint64_t allocations_;
    std::uint64_t switches_;
    std::uint64_t system_calls_;
};

/// Adds a counter: what one of the n parts of each round costs.
void show_each(benchmark::State& state, const std::string& part, int n);
