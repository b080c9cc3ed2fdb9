#include <grove/core/runtime.hpp>
#include <grove/io/asio.hpp>

#include "support/bench.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

// Through Asio and back: the price of a token operation. Beside peers/asio.
void asio_post(benchmark::State& state) {
    boost::asio::io_context& context = grove::asio_context();
    for (auto _ : state) boost::asio::post(context, grove::use_greenlet);
}
GROVE_BENCHMARK(asio_post);

// An operation that ends at once.
void asio_expired_timer(benchmark::State& state) {
    boost::asio::steady_timer timer{grove::asio_context()};
    for (auto _ : state) {
        timer.expires_at(boost::asio::steady_timer::time_point::min());
        timer.async_wait(grove::use_greenlet);
    }
}
GROVE_BENCHMARK(asio_expired_timer);
