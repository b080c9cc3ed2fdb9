// What a million stacks cost before anything runs on them: the first touch of each one's top page, by the
// kernel's page faults. Compare with parked, which starts and parks a greenlet on each.
#include "../support/memory.hpp"

#include <sys/mman.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr std::size_t stack_size = 256 * 1024;
constexpr std::size_t guard_size = 4096;
constexpr std::size_t stride = stack_size + guard_size;

}  // namespace

int main(int argc, char** argv) {
    const std::size_t n = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000;
    void* const slab = mmap(nullptr,
                            n * stride,
                            PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK,
                            -1,
                            0);
    if (slab == MAP_FAILED || madvise(slab, n * stride, MADV_NOHUGEPAGE) < 0) {
        std::perror("page_touch: mmap");
        return 1;
    }
    const Memory before = Memory::now();
    const auto start = std::chrono::steady_clock::now();
    auto* const bytes = static_cast<std::byte*>(slab);
    for (std::size_t i = 1; i <= n; ++i) bytes[i * stride - 64] = std::byte{1};
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    const Memory after = Memory::now();

    const auto each = [n](long kib) { return static_cast<double>(kib) / static_cast<double>(n); };
    std::printf(
        "%zu stacks of %zu KiB touched: %.0f ns each, %.2f KiB resident and %.2f KiB page table each\n",
        n,
        stack_size / 1024,
        took.count() / static_cast<double>(n),
        each(after.resident - before.resident),
        each(after.page_tables - before.page_tables));
}
