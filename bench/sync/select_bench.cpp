#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/select.hpp>

#include "support/bench.hpp"

// One of two queues has an item: nothing is linked, nothing switches.
void select_ready(benchmark::State& state) {
    grove::Queue<int> left, right;
    const Counted counted{state};
    for (auto _ : state) {
        right.put(1);
        grove::select(grove::on_get(left, [](int) {}),
                      grove::on_get(right, [](int item) { benchmark::DoNotOptimize(item); }));
    }
}
GROVE_BENCHMARK(select_ready);

// Two greenlets, each of which waits for an item or an end. Beside queue/round_trip: what standing in a
// second line costs.
void select_round_trip(benchmark::State& state) {
    grove::Queue<int> there, back;
    grove::Event end;
    auto echo = grove::spawn([&] {
        bool running = true;
        while (running) {
            grove::select(grove::on_get(there, [&](int item) { back.put(item); }),
                          grove::on_set(end, [&] { running = false; }));
        }
    });
    {
        const Counted counted{state};
        for (auto _ : state) {
            there.put(1);
            grove::select(grove::on_get(back, [](int item) { benchmark::DoNotOptimize(item); }),
                          grove::on_set(end));
        }
    }
    end.set();
    echo.join();
}
GROVE_BENCHMARK(select_round_trip);
