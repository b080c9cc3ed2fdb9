#include <grove/core/gil.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>

#include "support/bench.hpp"

// A native thread takes the Gil while the runtime sleeps: nobody else wants it.
void gil_lock_by_native_thread(benchmark::State& state) {
    grove::offload([&] {
        grove::Gil& gil = grove::gil();
        Counted counted{state};
        for (auto _ : state) {
            gil.lock();
            gil.unlock();
        }
    });
}
GROVE_BENCHMARK(gil_lock_by_native_thread);

// The runtime's thread gives the Gil up for a native call and takes it back; nobody took it meanwhile.
void gil_allow_threads(benchmark::State& state) {
    Counted counted{state};
    for (auto _ : state) grove::allow_threads([] {});
}
GROVE_BENCHMARK(gil_allow_threads);
