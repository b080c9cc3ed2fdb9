#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/wait_list.hpp>

#include "core/hub_stack.hpp"
#include "support/bench.hpp"

#include <limits>

[[gnu::noinline]] void take_turns(long turns) {
    for (; turns > 0; --turns) grove::yield();
}

// Two ready greenlets that run the same code take turns, as the handlers of a server do: each round is two
// switches. The floor is baseline/context_jump.
void switch_yield(benchmark::State& state) {
    auto partner = grove::spawn([] { take_turns(std::numeric_limits<long>::max()); });
    Counted counted{state};
    while (state.KeepRunningBatch(1000)) take_turns(1000);
    show_each(state, "switch", 2);
    partner.kill();
    partner.join();
}
GROVE_BENCHMARK(switch_yield);

// The same between greenlets at different places: the processor mispredicts where the switch returns to.
void switch_yield_to_other_code(benchmark::State& state) {
    auto partner = grove::spawn([] {
        for (;;) grove::yield();
    });
    Counted counted{state};
    for (auto _ : state) grove::yield();
    show_each(state, "switch", 2);
    partner.kill();
    partner.join();
}
GROVE_BENCHMARK(switch_yield_to_other_code);

// The same between greenlets that compute in floating point: one has rounded a number since its last turn,
// the other has not, and the switch costs no more for it.
void switch_yield_floating_point(benchmark::State& state) {
    auto partner = grove::spawn([] {
        for (;;) grove::yield();
    });
    Counted counted{state};
    double x = 3;
    for (auto _ : state) {
        benchmark::DoNotOptimize(x = 1 / x);
        grove::yield();
    }
    show_each(state, "switch", 2);
    partner.kill();
    partner.join();
}
GROVE_BENCHMARK(switch_yield_floating_point);

// A call on the hub's stack and back, as a parser is called: two switches.
void switch_hub_stack(benchmark::State& state) {
    grove::sleep(std::chrono::milliseconds{0});  // the hub has to have begun
    Counted counted{state};
    int calls = 0;
    for (auto _ : state) grove::detail::on_hub_stack([&] { benchmark::DoNotOptimize(++calls); });
    show_each(state, "switch", 2);
}
GROVE_BENCHMARK(switch_hub_stack);

// Waiting and waking, which every primitive is built on: each round is two notifications and two switches.
// Compare with baseline/condition_variable_ping_pong.
void switch_wait_list_ping_pong(benchmark::State& state) {
    grove::WaitList ping;
    grove::WaitList pong;
    auto partner = grove::spawn([&] {
        for (;;) {
            ping.wait();
            pong.notify_one();
        }
    });
    grove::yield();
    Counted counted{state};
    for (auto _ : state) {
        ping.notify_one();
        pong.wait();
    }
    show_each(state, "switch", 2);
    partner.kill();
    partner.join();
}
GROVE_BENCHMARK(switch_wait_list_ping_pong);
