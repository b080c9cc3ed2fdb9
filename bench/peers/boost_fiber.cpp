// bench queue/round_trip with Boost.Fiber: two channels, two fibers, one item each way.
#include <benchmark/benchmark.h>
#include <boost/fiber/all.hpp>

namespace {

using Channel = boost::fibers::buffered_channel<int>;

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

}  // namespace

BENCHMARK_MAIN();
