// growth N [--sleeping]: what the basic operations cost while N greenlets wait, for an event or, --sleeping,
// for a time, each with a timer; and what those N cost themselves. Prints JSON: nanoseconds, but for KiB.
#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/io/file.hpp>
#include <grove/net/socket.hpp>
#include <grove/sync/event.hpp>
#include <grove/sync/lock.hpp>
#include <grove/sync/queue.hpp>
#include <grove/sync/semaphore.hpp>

#include "support/memory.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using grove::Clock;

double nanoseconds(Clock::duration d) {
    return std::chrono::duration<double, std::nano>{d}.count();
}

void print(const char* what, double value) {
    std::printf(",\n \"%s\": %.4g", what, value);
    std::fflush(stdout);
}

/// The median of five, each of so many rounds.
template <class Operation>
void time(const char* what, int rounds, Operation operation) {
    std::array<double, 5> each;
    for (double& cost : each) {
        const auto start = Clock::now();
        for (int i = 0; i < rounds; ++i) operation();
        cost = nanoseconds(Clock::now() - start) / rounds;
    }
    std::ranges::sort(each);
    print(what, each[each.size() / 2]);
}

[[gnu::noinline]] void take_turns(long turns) {
    for (; turns > 0; --turns) grove::yield();
}

void switches() {
    auto partner = grove::spawn([] { take_turns(std::numeric_limits<long>::max()); });
    time("yield", 100, [] { take_turns(1000); });  // of 2,000 switches
    partner.kill();
    partner.join();
    time("spawn_join", 50'000, [] { grove::spawn([] {}).join(); });
    time("checkpoint", 1'000'000, [] { grove::checkpoint(); });
}

void primitives() {
    grove::Lock lock;
    time("lock", 1'000'000, [&] { const std::scoped_lock held{lock}; });
    grove::Semaphore permits{1};
    time("semaphore", 1'000'000, [&] {
        permits.acquire();
        permits.release();
    });
    grove::Queue<int> there;
    grove::Queue<int> back;
    time("queue_put_get", 500'000, [&] {
        there.put(1);
        (void)there.get();
    });
    auto partner = grove::spawn([&] {
        for (;;) back.put(there.get());
    });
    time("queue_round_trip", 50'000, [&] {
        there.put(1);
        (void)back.get();
    });
    partner.kill();
    partner.join();
    time("timeout", 50'000, [] { const grove::Timeout scope{10s}; });
}

void outside() {
    time("offload", 1000, [] { grove::offload([] {}); });
    grove::File file = grove::File::open("/proc/self/exe");
    std::vector<std::byte> page(4096);
    (void)file.read_at(0, page);
    time("cached_read", 10'000, [&] { (void)file.read_at(0, page); });
    auto [left, right] = grove::net::Socket::pair();
    auto echo = grove::spawn([&right = right] {
        std::array<std::byte, 64> buffer;
        while (right.read_some(buffer) > 0) right.write_some(buffer);
    });
    std::array<std::byte, 64> buffer{};
    time("echo", 10'000, [&, &left = left] {
        left.write_some(buffer);
        left.read_some(buffer);
    });
    left.close();
    echo.join();
}

/// All are ready, and each runs once a round.
void all_ready(grove::Event& go, std::size_t n, std::vector<grove::Greenlet<>>& greenlets) {
    constexpr std::size_t switches_in_all = 2'000'000;
    const int rounds = static_cast<int>(std::max<std::size_t>(switches_in_all / (n + 1), 2));
    go.set();
    grove::yield();
    const auto start = Clock::now();
    for (int i = 0; i < rounds; ++i) grove::yield();
    print("yield_among", nanoseconds(Clock::now() - start) / (rounds * (static_cast<double>(n) + 1)));
    grove::kill_all(greenlets);
}

void measure(std::size_t n, bool sleeping) {
    grove::Event go;
    std::vector<grove::Greenlet<>> greenlets;
    greenlets.reserve(n);
    grove::offload([] {});                                         // the pool has its threads
    for (int i = 0; i < 300'000; ++i) grove::spawn([] {}).join();  // and the processor its speed

    const Memory before = Memory::now();
    const auto start = Clock::now();
    for (std::size_t i = 0; i < n; ++i) {
        greenlets.push_back(grove::spawn([&, i] {
            if (sleeping) grove::sleep(1h + std::chrono::milliseconds{i % 100'000});
            go.wait();
            for (;;) grove::yield();
        }));
    }
    grove::yield();
    const auto each = static_cast<double>(n);
    const double started = nanoseconds(Clock::now() - start) / each;
    const Memory after = Memory::now();

    std::printf("{\"n\": %zu", n);
    print("start", started);
    print("resident_kib", static_cast<double>(after.resident - before.resident) / each);
    switches();
    primitives();
    outside();
    if (!sleeping) all_ready(go, n, greenlets);
    const auto end = Clock::now();
    grove::kill_all(greenlets);
    grove::join_all(greenlets);
    print("end", nanoseconds(Clock::now() - end) / each);
    std::printf("}\n");
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view number = argc > 1 ? argv[1] : "";
    const bool sleeping = argc == 3 && argv[2] == std::string_view{"--sleeping"};
    std::size_t n = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), n);
    if (error != std::errc{} || end != number.data() + number.size() || n == 0 || (argc > 2 && !sleeping)) {
        std::fprintf(stderr, "usage: %s N [--sleeping]\n", argv[0]);
        return 2;
    }
    grove::run({.runaway_limit = {}}, [&] { measure(n, sleeping); });
}
