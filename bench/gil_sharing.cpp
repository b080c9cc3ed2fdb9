// How the Gil is shared: native threads that compute beside a runtime that has little to do. Prints a table;
// nothing else should run. `gil_sharing [SECONDS]`

#include <grove/core/gil.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

namespace {

using grove::Clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

std::chrono::milliseconds measured{2000};

void compute_a_little() {
    static thread_local volatile std::uint64_t sink = 0;
    std::uint64_t hash = sink + 1;
    for (std::uint64_t i = 0; i < 1000; ++i) hash = (hash ^ i) * 0x100000001B3U;
    sink = hash;
}

/// Computes with the Gil held, as C code under CPython's GIL does between two bytecodes.
class Spinner {
public:
    explicit Spinner(const grove::RuntimeRef& runtime) : thread_{[this, runtime] { spin(runtime.gil()); }} {}
    ~Spinner() { stop(); }
    Spinner(const Spinner&) = delete;
    Spinner& operator=(const Spinner&) = delete;

    void stop() {
        stopped_ = true;
        if (thread_.joinable()) grove::allow_threads([this] { thread_.join(); });
    }
    // Valid after stop().
    [[nodiscard]] Milliseconds longest_wait() const { return longest_wait_; }
    [[nodiscard]] double rounds() const { return rounds_; }

private:
    void spin(grove::Gil& gil) {
        const std::scoped_lock held{gil};
        auto seen = Clock::now();
        while (!stopped_) {
            compute_a_little();
            ++rounds_;
            grove::checkpoint();
            const auto now = Clock::now();
            longest_wait_ = std::max(longest_wait_, Milliseconds{now - seen});
            seen = now;
        }
    }

    std::atomic<bool> stopped_{false};
    Milliseconds longest_wait_{};
    double rounds_ = 0;
    std::thread thread_;
};

/// How much later than asked a greenlet wakes: median, 99th percentile and worst of many sleeps of 1 ms.
void print_lateness(const char* beside) {
    std::vector<Milliseconds> all;
    for (const auto end = Clock::now() + measured; Clock::now() < end;) {
        const auto due = Clock::now() + std::chrono::milliseconds{1};
        grove::sleep(due);
        all.push_back(Clock::now() - due);
    }
    std::ranges::sort(all);
    std::printf("  beside %-42s %8.3f %8.3f %8.3f ms\n",
                beside,
                all[all.size() / 2].count(),
                all[all.size() * 99 / 100].count(),
                all.back().count());
}

void show_hand_overs() {
    const auto before = grove::gil().stats();
    Spinner first{grove::this_runtime()};
    Spinner second{grove::this_runtime()};
    Milliseconds longest{};
    const auto start = Clock::now();
    while (Clock::now() - start < measured) {
        const auto asked = Clock::now();
        grove::sleep(Clock::duration::zero());
        longest = std::max(longest, Milliseconds{Clock::now() - asked});
    }
    const std::chrono::duration<double> took = Clock::now() - start;
    const auto after = grove::gil().stats();
    first.stop();
    second.stop();
    const double interval_s = std::chrono::duration<double>{grove::gil().switch_interval()}.count();
    std::printf("two computing threads and a runtime, one Gil, interval %.1f ms\n", interval_s * 1000);
    std::printf("  hand-overs per second                           %8.0f  (1/interval: %.0f)\n",
                static_cast<double>(after.handovers - before.handovers) / took.count(),
                1 / interval_s);
    std::printf("  longest wait: runtime %.1f ms, threads %.1f and %.1f ms; their shares %.2f : 1\n",
                longest.count(),
                first.longest_wait().count(),
                second.longest_wait().count(),
                first.rounds() / second.rounds());
}

void show_lateness() {
    std::printf("a greenlet that sleeps 1 ms: late by            median      p99    worst\n");
    print_lateness("nothing");
    {
        const Spinner spinner{grove::this_runtime()};
        print_lateness("a native thread with checkpoints");
    }
    auto computing = grove::spawn([] {
        for (;;) {
            compute_a_little();
            grove::checkpoint();
        }
    });
    print_lateness("a greenlet with checkpoints");
    computing.kill();
    computing.join();
    auto offloaded = grove::spawn([] {
        grove::offload([](const std::stop_token& stop) {
            while (!stop.stop_requested()) compute_a_little();
        });
    });
    print_lateness("an offloaded job");
    offloaded.kill();
    offloaded.join();
}

void compute_much() {
    for (int i = 0; i < 200'000; ++i) compute_a_little();
}

template <class F>
double seconds_of(F f) {
    const auto start = Clock::now();
    f();
    return std::chrono::duration<double>{Clock::now() - start}.count();
}

/// Two at once, beside one alone.
template <class Start>
void print_speed_up(const char* what, Start start) {
    const double alone = seconds_of([&] { start(1); });
    const double both = seconds_of([&] { start(2); });
    std::printf("  %-48s %8.2f\n", what, 2 * alone / both);
}

void show_speed_ups() {
    std::printf("two jobs at once: so many times faster than one after the other\n");
    print_speed_up("offloaded", [](int n) {
        std::vector<grove::Greenlet<>> all;
        for (int i = 0; i < n; ++i) all.push_back(grove::spawn([] { grove::offload(compute_much); }));
        grove::join_all(all);
    });
    print_speed_up("in native threads, under the Gil", [runtime = grove::this_runtime()](int n) {
        std::vector<std::thread> all;
        for (int i = 0; i < n; ++i) {
            all.emplace_back([&runtime] {
                const std::scoped_lock held{runtime.gil()};
                for (int k = 0; k < 200'000; ++k) {
                    compute_a_little();
                    grove::checkpoint();
                }
            });
        }
        grove::allow_threads([&] {
            for (auto& thread : all) thread.join();
        });
    });
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1) measured = std::chrono::milliseconds{1000 * std::max(1, std::atoi(argv[1]))};
    grove::run({.runaway_limit = {}}, [] {
        show_hand_overs();
        show_lateness();
        show_speed_ups();
    });
}
