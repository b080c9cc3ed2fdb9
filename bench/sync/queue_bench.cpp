#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/queue.hpp>

#include "support/bench.hpp"

// An item in and out again, nobody waiting: the node is reused, nothing is allocated.
template <class Queue>
void put_and_get(benchmark::State& state) {
    Queue queue;
    queue.put(0);
    (void)queue.get();
    const Counted counted{state};
    for (auto _ : state) {
        queue.put(1);
        benchmark::DoNotOptimize(queue.get());
    }
}
void queue_put_get(benchmark::State& state) {
    put_and_get<grove::Queue<int>>(state);
}
GROVE_BENCHMARK(queue_put_get);
void queue_put_get_lifo(benchmark::State& state) {
    put_and_get<grove::LifoQueue<int>>(state);
}
GROVE_BENCHMARK(queue_put_get_lifo);
void queue_put_get_priority(benchmark::State& state) {
    put_and_get<grove::PriorityQueue<int>>(state);
}
GROVE_BENCHMARK(queue_put_get_priority);

// A hundred in, a hundred out.
template <class Queue>
void fill_and_drain(benchmark::State& state) {
    constexpr int count = 100;
    Queue queue;
    const auto round = [&] {
        for (int i = 0; i < count; ++i) queue.put((i * 37) % count);
        for (int i = 0; i < count; ++i) benchmark::DoNotOptimize(queue.get());
    };
    round();
    const Counted counted{state};
    for (auto _ : state) round();
    show_each(state, "item", count);
}
void queue_fill_drain(benchmark::State& state) {
    fill_and_drain<grove::Queue<int>>(state);
}
GROVE_BENCHMARK(queue_fill_drain);
void queue_fill_drain_priority(benchmark::State& state) {
    fill_and_drain<grove::PriorityQueue<int>>(state);
}
GROVE_BENCHMARK(queue_fill_drain_priority);

// Two queues, two greenlets, one put and get each way: two hand-overs and two switches. Compare with
// switch/yield.
void queue_round_trip(benchmark::State& state) {
    grove::Queue<int> there;
    grove::Queue<int> back;
    auto partner = grove::spawn([&] {
        for (;;) back.put(there.get() + 1);
    });
    {
        const Counted counted{state};
        for (auto _ : state) {
            there.put(1);
            benchmark::DoNotOptimize(back.get());
        }
    }
    partner.kill();
    partner.join();
}
GROVE_BENCHMARK(queue_round_trip);

void queue_round_trip_channel(benchmark::State& state) {
    grove::Channel<int> there;
    grove::Channel<int> back;
    auto partner = grove::spawn([&] {
        for (;;) back.put(there.get() + 1);
    });
    {
        const Counted counted{state};
        for (auto _ : state) {
            there.put(1);
            benchmark::DoNotOptimize(back.get());
        }
    }
    partner.kill();
    partner.join();
}
GROVE_BENCHMARK(queue_round_trip_channel);

// A stream through a queue of sixteen: the putter waits for room, then the getter for items.
void queue_stream(benchmark::State& state) {
    grove::Queue<int> queue{16};
    auto producer = grove::spawn([&] {
        for (int i = 0;; ++i) queue.put(i);
    });
    {
        const Counted counted{state};
        for (auto _ : state) benchmark::DoNotOptimize(queue.get());
    }
    producer.kill();
    producer.join();
}
GROVE_BENCHMARK(queue_stream);
