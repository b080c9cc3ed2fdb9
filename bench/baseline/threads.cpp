// The same jobs done by OS threads: what a greenlet, a switch and offload() are compared with.
#include <benchmark/benchmark.h>
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <semaphore>
#include <thread>
#include <unistd.h>

namespace {

// Compare with spawn/run_join.
void thread_spawn_join(benchmark::State& state) {
    for (auto _ : state) std::thread{[] {}}.join();
}
BENCHMARK(thread_spawn_join)->UseRealTime();

/// A ball two threads play to each other until one stops.
class Ball {
public:
    bool pass(bool from) {
        std::unique_lock held{mutex_};
        moved_.wait(held, [&] { return side_ == from || stopped_; });
        side_ = !from;
        moved_.notify_one();
        return !stopped_;
    }
    void stop() {
        std::scoped_lock held{mutex_};
        stopped_ = true;
        moved_.notify_one();
    }

private:
    std::mutex mutex_;
    std::condition_variable moved_;
    bool side_ = false;
    bool stopped_ = false;
};

// Each round is two hand-overs. Compare with switch/wait_list_ping_pong.
void condition_variable_ping_pong(benchmark::State& state) {
    Ball ball;
    std::thread partner{[&] {
        while (ball.pass(true)) {
        }
    }};
    for (auto _ : state) ball.pass(false);
    ball.stop();
    partner.join();
}
BENCHMARK(condition_variable_ping_pong)->UseRealTime();

// The same with two semaphores. Compare with semaphore/ping_pong.
void std_semaphore(benchmark::State& state) {
    std::binary_semaphore ping{0};
    std::binary_semaphore pong{0};
    std::atomic<bool> stopped{false};
    std::thread partner{[&] {
        for (ping.acquire(); !stopped; ping.acquire()) pong.release();
    }};
    for (auto _ : state) {
        ping.release();
        pong.acquire();
    }
    stopped = true;
    ping.release();
    partner.join();
}
BENCHMARK(std_semaphore)->UseRealTime();

/// A number threads sleep on, without the spinning of std::atomic::wait.
class Futex {
public:
    void wait(std::uint32_t seen) noexcept { syscall(SYS_futex, &value_, FUTEX_WAIT_PRIVATE, seen, nullptr); }
    void set(std::uint32_t value) noexcept {
        value_.store(value, std::memory_order_release);
        syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, 1);
    }
    [[nodiscard]] std::uint32_t get() const noexcept { return value_.load(std::memory_order_acquire); }

private:
    std::atomic<std::uint32_t> value_{0};
    static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
};

// A job goes to a sleeping thread by futex, its end comes back to an event loop by eventfd: the floor of an
// empty offload(). Compare with offload/empty.
void futex_and_eventfd_round_trip(benchmark::State& state) {
    constexpr std::uint32_t stop = ~std::uint32_t{0};
    Futex jobs;
    const int done = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    epoll_ctl(epoll, EPOLL_CTL_ADD, done, &event);

    std::thread worker{[&] {
        for (std::uint32_t seen = 0; seen != stop;) {
            jobs.wait(seen);
            if (const std::uint32_t now = jobs.get(); now != seen) {
                seen = now;
                eventfd_write(done, 1);
            }
        }
    }};
    std::uint32_t job = 0;
    for (auto _ : state) {
        jobs.set(++job);
        epoll_wait(epoll, &event, 1, -1);
        eventfd_t count;
        eventfd_read(done, &count);
    }
    jobs.set(stop);
    worker.join();
    close(epoll);
    close(done);
}
BENCHMARK(futex_and_eventfd_round_trip)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
