#include "platform/event_loop.hpp"

#include <benchmark/benchmark.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <thread>
#include <unistd.h>

namespace {

using grove::Clock;
using grove::detail::EventLoop;
using grove::detail::FdWatch;
using grove::detail::make_epoll_loop;
using grove::detail::Readiness;

struct Deaf final : FdWatch {
    void on_ready(Readiness) noexcept override {}
};

void turn(EventLoop& loop) {
    loop.poll(Clock::time_point{});
    loop.deliver();
}

// A look when nothing happened: one epoll_wait.
void loop_idle_turn(benchmark::State& state) {
    const auto loop = make_epoll_loop();
    for (auto _ : state) turn(*loop);
}
BENCHMARK(loop_idle_turn);

// A wake of a loop that does not sleep, and the turn that hears of it.
void loop_wake(benchmark::State& state) {
    const auto loop = make_epoll_loop();
    for (auto _ : state) {
        loop->wake();
        turn(*loop);
    }
}
BENCHMARK(loop_wake);

// One of the many wakes that come before the loop looks.
void loop_wake_again(benchmark::State& state) {
    const auto loop = make_epoll_loop();
    loop->wake();
    for (auto _ : state) loop->wake();
}
BENCHMARK(loop_wake_again);

// --- why forget() does not take a descriptor out of epoll -------------------------------------------

/// A descriptor's life: made, watched, told, forgotten, closed.
template <class Forget>
void watch_and_close(benchmark::State& state, Forget forget) {
    const auto loop = make_epoll_loop();
    Deaf watch;
    for (auto _ : state) {
        const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (loop->watch(fd, watch)) state.SkipWithError("watch");
        turn(*loop);
        forget(*loop, fd);
        ::close(fd);
    }
}

void loop_watch_and_close(benchmark::State& state) {
    watch_and_close(state, [](EventLoop& loop, int fd) { loop.forget(fd); });
}
BENCHMARK(loop_watch_and_close);

// With the epoll_ctl that this saves. The descriptor of the loop is the one made before its first socket.
void loop_watch_remove_and_close(benchmark::State& state) {
    watch_and_close(state, [](EventLoop& loop, int fd) {
        loop.forget(fd);
        ::epoll_ctl(fd - 2, EPOLL_CTL_DEL, fd, nullptr);
    });
}
BENCHMARK(loop_watch_remove_and_close);

}  // namespace
