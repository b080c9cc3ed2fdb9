// cpu_offload [--limit N]: counts primes in the runtime's own thread, then on the native pool, while another
// greenlet ticks every 10 ms. Shows what offload() is for: the pool uses every core, and the ticks keep
// coming.
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/group.hpp>

#include "program.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <string_view>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct Range {
    int first;
    int last;
};

bool is_prime(int n) {
    if (n < 4) return n > 1;
    if (n % 2 == 0) return false;
    for (int d = 3; d <= n / d; d += 2) {
        if (n % d == 0) return false;
    }
    return true;
}

int count_primes(Range range) {
    int count = 0;
    for (int n = range.first; n < range.last; ++n) count += is_prime(n);
    return count;
}

/// The same, as a greenlet should: it lets others run when they have waited for a time slice.
int count_primes_politely(Range range) {
    int count = 0;
    for (int n = range.first; n < range.last; ++n) {
        count += is_prime(n);
        grove::checkpoint();
    }
    return count;
}

std::vector<Range> pieces_of(int limit) {
    constexpr int piece = 50'000;
    std::vector<Range> pieces;
    for (int first = 0; first < limit; first += piece)
        pieces.push_back({first, std::min(first + piece, limit)});
    return pieces;
}

/// Runs count() beside a greenlet that ticks; prints how both fared, and returns how long it took.
template <class F>
std::chrono::duration<double> measure(std::string_view name, F count) {
    using Milliseconds = std::chrono::duration<double, std::milli>;
    auto last = grove::Clock::now();
    Milliseconds latest{0};
    grove::Group ticking;
    ticking.spawn([&] {
        for (;;) {
            grove::sleep(10ms);
            const auto now = grove::Clock::now();
            latest = std::max(latest, Milliseconds{now - last - 10ms});
            last = now;
        }
    });

    grove::yield();  // the first tick is 10 ms from now

    const auto start = grove::Clock::now();
    const int primes = count();
    const std::chrono::duration<double> took = grove::Clock::now() - start;
    grove::sleep(1ms);  // a tick that is due counts
    std::printf("%-22.*s %d primes in %.2f s, latest tick %.1f ms late\n",
                static_cast<int>(name.size()),
                name.data(),
                primes,
                took.count(),
                latest.count());
    return took;
}

void compare(int limit) {
    const auto pieces = pieces_of(limit);
    const auto sum = [](const std::vector<int>& counts) {
        return std::accumulate(counts.begin(), counts.end(), 0);
    };

    const auto alone = measure("in a greenlet", [&] { return count_primes({0, limit}); });
    measure("with checkpoints", [&] { return count_primes_politely({0, limit}); });
    const auto pooled = measure("offloaded", [&] { return sum(grove::offload_map(pieces, count_primes)); });
    std::printf(
        "offloaded: %.2f times as fast, on %u cores\n", alone / pooled, std::thread::hardware_concurrency());
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Counts primes, beside a greenlet that ticks.", "cpu_offload"};
    int limit = 3'000'000;
    app.add_option("--limit", limit, "count the primes below this")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);

    return run_program(app, argc, argv, [&] { compare(limit); });
}
