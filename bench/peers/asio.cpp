// bench switch/yield, spawn/run_join, queue/round_trip and asio/* with Asio's own coroutines: stackful ones
// by spawn(), and those of the language by co_await.
#include <benchmark/benchmark.h>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>

namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using asio::yield_context;
using Channel = asio::experimental::channel<void(boost::system::error_code, int)>;

void rethrow(const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
}

template <class Body>
void run_stackful(Body body) {
    asio::io_context context{1};
    asio::spawn(context, body, rethrow);
    context.run();
}

template <class Body>
void run_stackless(Body body) {
    asio::io_context context{1};
    asio::co_spawn(context, body, rethrow);
    context.run();
}

void show_per_switch(benchmark::State& state) {
    state.counters["per_switch"] =
        benchmark::Counter{2.0 * static_cast<double>(state.iterations()),
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert};
}

// --- stackful ------------------------------------------------------------------------------------------

// Two that post themselves take turns.
void spawn_yield(benchmark::State& state) {
    run_stackful([&](yield_context yield) {
        bool running = true;
        asio::spawn(
            yield.get_executor(),
            [&](const yield_context& other) {
                while (running) asio::post(other);
            },
            rethrow);
        for (auto _ : state) asio::post(yield);
        running = false;
        asio::post(yield);
        asio::post(yield);
    });
    show_per_switch(state);
}
BENCHMARK(spawn_yield);

// Who is joined by a token calls its joiner on its own stack, and so for ever deeper: a flag instead, and one
// post, in which it runs.
void spawn_spawn_join(benchmark::State& state) {
    run_stackful([&](yield_context yield) {
        for (auto _ : state) {
            bool ended = false;
            asio::spawn(
                yield.get_executor(),
                [](const yield_context&) {},
                [&](const std::exception_ptr&) { ended = true; });
            while (!ended) asio::post(yield);
        }
    });
}
BENCHMARK(spawn_spawn_join);

void spawn_round_trip(benchmark::State& state) {
    run_stackful([&](yield_context yield) {
        Channel there{yield.get_executor(), 1};
        Channel back{yield.get_executor(), 1};
        asio::spawn(
            yield.get_executor(),
            [&](const yield_context& echo) {
                while (const int item = there.async_receive(echo)) back.async_send({}, item, echo);
                back.async_send({}, 0, echo);
            },
            rethrow);
        for (auto _ : state) {
            there.async_send({}, 1, yield);
            benchmark::DoNotOptimize(back.async_receive(yield));
        }
        there.async_send({}, 0, yield);
        back.async_receive(yield);
    });
}
BENCHMARK(spawn_round_trip);

// With a reactor to look after, as in every program that waits for anything; without one a post is 0.12 us.
void spawn_post(benchmark::State& state) {
    run_stackful([&](yield_context yield) {
        const asio::steady_timer timer{yield.get_executor()};
        for (auto _ : state) asio::post(yield);
    });
}
BENCHMARK(spawn_post);

void spawn_expired_timer(benchmark::State& state) {
    run_stackful([&](yield_context yield) {
        asio::steady_timer timer{yield.get_executor()};
        for (auto _ : state) {
            timer.expires_at(asio::steady_timer::time_point::min());
            timer.async_wait(yield);
        }
    });
}
BENCHMARK(spawn_expired_timer);

// --- of the language -----------------------------------------------------------------------------------

void co_await_yield(benchmark::State& state) {
    run_stackless([&]() -> awaitable<void> {
        const auto executor = co_await asio::this_coro::executor;
        bool running = true;
        asio::co_spawn(
            executor,
            [&]() -> awaitable<void> {
                while (running) co_await asio::post(use_awaitable);
            },
            rethrow);
        for (auto _ : state) co_await asio::post(use_awaitable);
        running = false;
        co_await asio::post(use_awaitable);
        co_await asio::post(use_awaitable);
    });
    show_per_switch(state);
}
BENCHMARK(co_await_yield);

void co_await_spawn_join(benchmark::State& state) {
    run_stackless([&]() -> awaitable<void> {
        const auto executor = co_await asio::this_coro::executor;
        for (auto _ : state) {
            co_await asio::co_spawn(
                executor, []() -> awaitable<void> { co_return; }, use_awaitable);
        }
    });
}
BENCHMARK(co_await_spawn_join);

void co_await_round_trip(benchmark::State& state) {
    run_stackless([&]() -> awaitable<void> {
        const auto executor = co_await asio::this_coro::executor;
        Channel there{executor, 1};
        Channel back{executor, 1};
        asio::co_spawn(
            executor,
            [&]() -> awaitable<void> {
                while (const int item = co_await there.async_receive(use_awaitable)) {
                    co_await back.async_send({}, item, use_awaitable);
                }
                co_await back.async_send({}, 0, use_awaitable);
            },
            rethrow);
        for (auto _ : state) {
            co_await there.async_send({}, 1, use_awaitable);
            benchmark::DoNotOptimize(co_await back.async_receive(use_awaitable));
        }
        co_await there.async_send({}, 0, use_awaitable);
        co_await back.async_receive(use_awaitable);
    });
}
BENCHMARK(co_await_round_trip);

}  // namespace

BENCHMARK_MAIN();
