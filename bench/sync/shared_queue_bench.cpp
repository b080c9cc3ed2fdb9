#include <grove/core/runtime.hpp>
#include <grove/sync/shared_queue.hpp>

#include "support/bench.hpp"

#include <thread>

// An item in and out again, nobody waiting.
void shared_queue_put_get(benchmark::State& state) {
    grove::SharedQueue<int> queue;
    queue.put(0);
    (void)queue.get();
    const Counted counted{state};
    for (auto _ : state) {
        queue.put(1);
        benchmark::DoNotOptimize(queue.get());
    }
}
GROVE_BENCHMARK(shared_queue_put_get);

// There and back between two runtimes on two threads, both asleep in between. Compare with
// offload/round_trip, which has one such hand-over each way, too.
void shared_queue_round_trip(benchmark::State& state) {
    grove::SharedQueue<int> there;
    grove::SharedQueue<int> back;
    std::thread other{[&] {
        grove::run({.stop_signals = {}}, [&] {
            for (int item = there.get(); item >= 0; item = there.get()) back.put(item);
        });
    }};
    for (auto _ : state) {
        there.put(1);
        (void)back.get();
    }
    there.put(-1);
    other.join();
}
GROVE_BENCHMARK(shared_queue_round_trip)->UseRealTime();

// A stream from one runtime to another, a hundred on the way at most.
void shared_queue_stream(benchmark::State& state) {
    grove::SharedQueue<int> queue{100};
    std::thread other{[&] {
        grove::run({.stop_signals = {}}, [&] {
            while (queue.get() >= 0) {
            }
        });
    }};
    for (auto _ : state) queue.put(1);
    queue.put(-1);
    other.join();
}
GROVE_BENCHMARK(shared_queue_stream)->UseRealTime();
