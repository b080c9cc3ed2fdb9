// The floor of a switch and of a spawn: Boost.Context alone, no scheduler, no exception state.
#include <benchmark/benchmark.h>
#include <boost/context/detail/fcontext.hpp>

#include <cstddef>
#include <memory>

namespace {

using boost::context::detail::fcontext_t;
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

constexpr std::size_t stack_size = 64 * 1024;

[[noreturn]] void jump_back_for_ever(transfer_t from) {
    for (;;) from = jump_fcontext(from.fctx, nullptr);
}

void* top_of(std::byte* stack) {
    return stack + stack_size;
}

/// A row "per_jump": what one of the n jumps in each round costs.
void show_per_jump(benchmark::State& state, int n) {
    using benchmark::Counter;
    const auto jumps = static_cast<double>(state.iterations()) * n;
    state.counters["per_jump"] = Counter{jumps, Counter::kIsRate | Counter::kInvert};
}

// There and back: the round is two jumps.
void context_jump(benchmark::State& state) {
    const auto stack = std::make_unique_for_overwrite<std::byte[]>(stack_size);
    fcontext_t other = make_fcontext(top_of(stack.get()), stack_size, jump_back_for_ever);
    for (auto _ : state) other = jump_fcontext(other, nullptr).fctx;
    show_per_jump(state, 2);
}
BENCHMARK(context_jump);

// A new context on a warm stack, into it and back: spawn + run + join can cost no less.
void context_make_and_jump(benchmark::State& state) {
    const auto stack = std::make_unique_for_overwrite<std::byte[]>(stack_size);
    for (auto _ : state) {
        const fcontext_t made = make_fcontext(top_of(stack.get()), stack_size, jump_back_for_ever);
        benchmark::DoNotOptimize(jump_fcontext(made, nullptr));
    }
}
BENCHMARK(context_make_and_jump);

}  // namespace

BENCHMARK_MAIN();
