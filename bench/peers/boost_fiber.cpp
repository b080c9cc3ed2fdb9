// bench queue/round_trip, switch/yield, spawn/run_join and parked with Boost.Fiber.
#include "../support/memory.hpp"

#include <benchmark/benchmark.h>
#include <boost/fiber/all.hpp>

#include <vector>

namespace {

using Channel = boost::fibers::buffered_channel<int>;

// Two channels, two fibers, one item each way.
void boost_fiber_round_trip(benchmark::State& state) {
    Channel there{2}, back{2};
    boost::fibers::fiber echo{[&] {
        int item = 0;
        while (there.pop(item) == boost::fibers::channel_op_status::success) back.push(item);
    }};
    int item = 0;
    for (auto _ : state) {
        there.push(1);
        back.pop(item);
        benchmark::DoNotOptimize(item);
    }
    there.close();
    echo.join();
}
BENCHMARK(boost_fiber_round_trip);

void boost_fiber_yield(benchmark::State& state) {
    bool running = true;
    boost::fibers::fiber other{[&] {
        while (running) boost::this_fiber::yield();
    }};
    for (auto _ : state) boost::this_fiber::yield();
    running = false;
    other.join();
    state.counters["per_switch"] =
        benchmark::Counter{2.0 * static_cast<double>(state.iterations()),
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert};
}
BENCHMARK(boost_fiber_yield);

void boost_fiber_spawn_join(benchmark::State& state) {
    for (auto _ : state) boost::fibers::fiber{[] {}}.join();
}
BENCHMARK(boost_fiber_spawn_join);

// 30,000 that wait, on stacks with guard pages: each of these is a memory map, and there are not many more.
void boost_fiber_parked(benchmark::State& state) {
    constexpr int count = 30'000;
    for (auto _ : state) {
        std::vector<boost::fibers::fiber> fibers;
        boost::fibers::promise<void> go;
        const auto wait = go.get_future().share();
        const Memory before = Memory::now();
        for (int i = 0; i < count; ++i) {
            fibers.emplace_back(
                std::allocator_arg, boost::fibers::protected_fixedsize_stack{}, [wait] { wait.wait(); });
        }
        boost::this_fiber::yield();
        state.counters["KiB"] = static_cast<double>(Memory::now().resident - before.resident) / count;
        go.set_value();
        for (auto& fiber : fibers) fiber.join();
    }
}
BENCHMARK(boost_fiber_parked)->Iterations(1);

}  // namespace

BENCHMARK_MAIN();
