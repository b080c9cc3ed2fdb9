// What bench asio/* asks of Asio's own stackful coroutines.
#include <benchmark/benchmark.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/steady_timer.hpp>

#include <exception>

namespace {

namespace asio = boost::asio;

template <class Body>
void run(Body body) {
    asio::io_context context{1};
    asio::spawn(context, body, [](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
    });
    context.run();
}

// With a reactor to look after, as in every program that waits for anything; without one a post is 0.12 us.
void spawn_post(benchmark::State& state) {
    run([&](asio::yield_context yield) {
        const asio::steady_timer timer{yield.get_executor()};
        for (auto _ : state) asio::post(yield);
    });
}
BENCHMARK(spawn_post);

void spawn_expired_timer(benchmark::State& state) {
    run([&](asio::yield_context yield) {
        asio::steady_timer timer{yield.get_executor()};
        for (auto _ : state) {
            timer.expires_at(asio::steady_timer::time_point::min());
            timer.async_wait(yield);
        }
    });
}
BENCHMARK(spawn_expired_timer);

}  // namespace

BENCHMARK_MAIN();
