#include "platform/event_loop.hpp"

#include <benchmark/benchmark.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <thread>
#include <unistd.h>

namespace {

using grove::Clock;
using grove::detail::EventLoop;
using grove::detail::make_epoll_loop;

void turn(EventLoop& loop) {
    loop.poll(Clock::time_point{});
    loop.deliver();
}

// A look when nothing happened: one epoll_wait.
void epoll_loop_idle_turn(benchmark::State& state) {
    const auto loop = make_epoll_loop();
    for (auto _ : state) turn(*loop);
}
BENCHMARK(epoll_loop_idle_turn);

// A wake of a loop that does not sleep, and the turn that hears of it.
void epoll_loop_wake(benchmark::State& state) {
    const auto loop = make_epoll_loop();
    for (auto _ : state) {
        loop->wake();
        turn(*loop);
    }
}
BENCHMARK(epoll_loop_wake);

// One of the many wakes that come before the loop looks.
void epoll_loop_wake_again(benchmark::State& state) {
    const auto loop = make_epoll_loop();
    loop->wake();
    for (auto _ : state) loop->wake();
}
BENCHMARK(epoll_loop_wake_again);

// --- why forget() does not take a descriptor out of epoll ----------------------------------------

/// A descriptor's life in a bare epoll: made, added, seen, closed.
template <class BeforeClose>
void add_and_close(benchmark::State& state, BeforeClose before_close) {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    for (auto _ : state) {
        const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        benchmark::DoNotOptimize(::epoll_wait(epoll, &event, 1, 0));
        before_close(epoll, fd);
        ::close(fd);
    }
    ::close(epoll);
}

void epoll_loop_close(benchmark::State& state) {
    add_and_close(state, [](int, int) {});
}
BENCHMARK(epoll_loop_close);

void epoll_loop_remove_and_close(benchmark::State& state) {
    add_and_close(state, [](int epoll, int fd) { ::epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr); });
}
BENCHMARK(epoll_loop_remove_and_close);

}  // namespace
