// parked [N]: starts N greenlets (a million, if not given) that all wait for one event, and prints what each
// costs; then wakes and joins them. Compare with baseline/page_touch. GROVE_STACK_GUARD chooses the guard:
// madvise, mprotect or canary.
#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/event.hpp>

#include "support/memory.hpp"

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

double nanoseconds_each(std::chrono::steady_clock::duration d, std::size_t n) {
    return std::chrono::duration<double, std::nano>{d}.count() / static_cast<double>(n);
}

double each(long kib, std::size_t n) {
    return static_cast<double>(kib) / static_cast<double>(n);
}

void park(std::size_t n) {
    using std::chrono::steady_clock;
    grove::Event go;
    std::vector<grove::Greenlet<>> greenlets;
    greenlets.reserve(n);

    const Memory before = Memory::now();
    const auto start = steady_clock::now();
    for (std::size_t i = 0; i < n; ++i) greenlets.push_back(grove::spawn([&] { go.wait(); }));
    grove::yield();  // each runs until it waits
    const auto parked = steady_clock::now();
    const Memory after = Memory::now();
    go.set();
    grove::join_all(greenlets);
    const auto joined = steady_clock::now();

    std::printf("%zu greenlets parked: %.0f ns each to start and park, %.0f ns each to wake and end\n",
                n,
                nanoseconds_each(parked - start, n),
                nanoseconds_each(joined - parked, n));
    std::printf("%.2f KiB resident and %.2f KiB page table each, %ld more memory maps\n",
                each(after.resident - before.resident, n),
                each(after.page_tables - before.page_tables, n),
                after.maps - before.maps);
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t n = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000;
    grove::run([n] { park(n); });
}
