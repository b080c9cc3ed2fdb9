// bench switch/yield, spawn/run_join and queue/round_trip with State Threads.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <st.h>

namespace {

/// An int to be handed over; empty or full.
class Slot {
public:
    Slot() = default;
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() { st_cond_destroy(changed_); }

    void put(int item) {
        while (full_) st_cond_wait(changed_);
        item_ = item;
        full_ = true;
        st_cond_signal(changed_);
    }
    int get() {
        while (!full_) st_cond_wait(changed_);
        full_ = false;
        st_cond_signal(changed_);
        return item_;
    }

private:
    st_cond_t changed_ = st_cond_new();
    bool full_ = false;
    int item_ = 0;
};

st_thread_t start(void* (*body)(void*), void* argument) {
    const st_thread_t thread = st_thread_create(body, argument, 1, 0);
    if (thread) return thread;
    std::perror("st_thread_create");
    std::exit(1);
}

// st_usleep(0) is its yield. A round is two switches.
void state_threads_yield(benchmark::State& state) {
    bool running = true;
    const st_thread_t other = start(
        [](void* still) -> void* {
            while (*static_cast<bool*>(still)) st_usleep(0);
            return nullptr;
        },
        &running);
    for (auto _ : state) st_usleep(0);
    running = false;
    st_thread_join(other, nullptr);
    state.counters["per_switch"] =
        benchmark::Counter{2.0 * static_cast<double>(state.iterations()),
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert};
}
BENCHMARK(state_threads_yield);

void state_threads_spawn_join(benchmark::State& state) {
    for (auto _ : state) {
        st_thread_join(start([](void*) -> void* { return nullptr; }, nullptr), nullptr);
    }
}
BENCHMARK(state_threads_spawn_join);

void state_threads_round_trip(benchmark::State& state) {
    struct Both {
        Slot there, back;
    } slots;
    const st_thread_t echo = start(
        [](void* both) -> void* {
            auto& [there, back] = *static_cast<Both*>(both);
            for (int item = there.get(); item != 0; item = there.get()) back.put(item);
            return nullptr;
        },
        &slots);
    for (auto _ : state) {
        slots.there.put(1);
        benchmark::DoNotOptimize(slots.back.get());
    }
    slots.there.put(0);
    st_thread_join(echo, nullptr);
}
BENCHMARK(state_threads_round_trip);

}  // namespace

int main(int argc, char** argv) {
    if (st_init() != 0) return 1;
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
}
