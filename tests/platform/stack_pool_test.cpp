#include "platform/stack_pool.hpp"

#include "support/child_process.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <vector>

using grove::detail::GuardKind;
using grove::detail::StackPool;
using grove::detail::StackPoolOptions;
using grove::detail::StackSpan;

namespace {

constexpr std::size_t kib = 1024;
constexpr std::size_t page = 4 * kib;

constexpr StackPoolOptions guarded{.force = GuardKind::madvise};  // whatever GROVE_STACK_GUARD says

/// Gives its stacks back.
class Taken {
public:
    explicit Taken(StackPool& pool) : pool_{pool} {}
    Taken(const Taken&) = delete;
    Taken& operator=(const Taken&) = delete;
    ~Taken() { give_back(); }

    StackSpan take(std::size_t size = 0) {
        spans_.push_back(pool_.take(size));
        return spans_.back();
    }
    void give_back() {
        for (const StackSpan& span : spans_) pool_.give_back(span);
        spans_.clear();
    }

private:
    StackPool& pool_;
    std::vector<StackSpan> spans_;
};

bool is_resident(std::byte* address) {
    unsigned char state = 0;
    auto* start = address - reinterpret_cast<std::uintptr_t>(address) % page;
    return ::mincore(start, page, &state) == 0 && (state & 1) != 0;
}

/// Whether a write there ends the process by SIGSEGV.
bool kills(std::byte* address) {
    const auto end = grove::testing::run_child([&] {
        std::signal(SIGSEGV, SIG_DFL);
        *static_cast<volatile std::byte*>(address) = std::byte{1};
    });
    return end.signal == SIGSEGV;
}

}  // namespace

TEST_SUITE_BEGIN("platform/stack_pool");

// --- taking and giving back -----------------------------------------------------------------------

TEST_CASE("a stack is memory from its bottom to its top, and apart from all others") {
    StackPool pool{guarded};
    Taken taken{pool};
    std::set<std::byte*> tops;
    for (int i = 0; i < 50; ++i) {
        const StackSpan span = taken.take();
        CHECK(span.size == 256 * kib);
        CHECK(reinterpret_cast<std::uintptr_t>(span.top) % page == 0);
        *span.bottom() = std::byte{1};
        *(span.top - 1) = std::byte{2};
        const auto above = tops.lower_bound(span.bottom());
        CHECK((above == tops.end() || *above - span.size - page >= span.top));
        tops.insert(span.top);
    }
    CHECK(pool.stats().in_use == 50);
}

TEST_CASE("sizes are rounded up to whole pages") {
    StackPool pool{{.stack_size = 20'000, .force = GuardKind::madvise}};
    Taken taken{pool};
    CHECK(taken.take().size == 20 * kib);
}

TEST_CASE("the stack given back last is taken first, and keeps what is in it") {
    StackPool pool{guarded};
    const StackSpan first = pool.take();
    const StackSpan second = pool.take();
    *(second.top - 1) = std::byte{42};
    pool.give_back(first);
    pool.give_back(second);
    CHECK(pool.stats().in_use == 0);
    CHECK(pool.stats().free == 2);

    Taken taken{pool};
    const StackSpan again = taken.take();
    CHECK(again.top == second.top);
    CHECK(*(again.top - 1) == std::byte{42});
    CHECK(taken.take().top == first.top);
    CHECK(pool.stats().free == 0);
}

TEST_CASE("a stack has no memory until it is run on, and neither take nor give_back gives it any") {
    StackPool pool{{.force = GuardKind::madvise, .keep_warm = 1}};
    for (int round = 0; round < 3; ++round) {
        Taken taken{pool};
        for (int i = 0; i < 3; ++i) {
            const StackSpan span = taken.take();
            CHECK_FALSE(is_resident(span.top - 1));
            CHECK_FALSE(is_resident(span.bottom()));
        }
    }
}

TEST_CASE("free stacks beyond those kept warm return their memory") {
    StackPool pool{{.force = GuardKind::madvise, .keep_warm = 2}};
    std::array<StackSpan, 4> spans{};
    for (StackSpan& span : spans) {
        span = pool.take();
        std::fill(span.bottom(), span.top, std::byte{1});
    }
    for (const StackSpan& span : spans) pool.give_back(span);

    CHECK(is_resident(spans[0].bottom()));
    CHECK(is_resident(spans[1].bottom()));
    for (const auto& cold : {spans[2], spans[3]}) {
        CHECK_FALSE(is_resident(cold.top - 1));
        CHECK_FALSE(is_resident(cold.bottom()));
    }

    Taken taken{pool};  // warm ones first
    CHECK(taken.take().top == spans[1].top);
    CHECK(taken.take().top == spans[0].top);
    CHECK(taken.take().top == spans[3].top);
    CHECK(taken.take().top == spans[2].top);
    CHECK(pool.stats().slabs == 1);
}

TEST_CASE(
    "slabs begin with 16 stacks and double, so a small runtime maps little and a large one maps seldom") {
    StackPool pool{guarded};
    Taken taken{pool};
    for (int i = 0; i < 16; ++i) taken.take();
    CHECK(pool.stats().slabs == 1);
    for (int i = 0; i < 5000; ++i) taken.take();
    CHECK(pool.stats().slabs == 10);  // 16, 32, ... 512, 1024, 1024, 1024, 1024
}

// --- sizes ----------------------------------------------------------------------------------------

TEST_CASE("another size gets at least what it asks for, and is reused") {
    StackPool pool{guarded};
    const StackSpan large = pool.take(1000 * kib);
    CHECK(large.size == 1024 * kib);
    *large.bottom() = std::byte{1};
    pool.give_back(large);

    Taken taken{pool};
    CHECK(taken.take(600 * kib).top == large.top);
    CHECK(taken.take(16 * kib).size == 16 * kib);
    CHECK(taken.take(256 * kib).size == 256 * kib);
    CHECK(taken.take(200 * kib).size == 256 * kib);
    CHECK(pool.stats().slabs == 3);
    CHECK(pool.stats().in_use == 4);
    taken.give_back();
    CHECK(pool.stats().free == 4);
}

TEST_CASE("the pool's own size serves what lies between it and its power of two") {
    StackPool pool{{.stack_size = 100 * kib, .force = GuardKind::madvise}};
    Taken taken{pool};
    CHECK(taken.take(100 * kib).size == 100 * kib);
    CHECK(taken.take(90 * kib).size == 100 * kib);
    CHECK(taken.take(101 * kib).size == 128 * kib);
    CHECK(taken.take(64 * kib).size == 64 * kib);
}

TEST_CASE("a stack below 16 KiB is refused, for a pool and for one stack") {
    StackPool pool{guarded};
    CHECK_THROWS_WITH_AS((void)pool.take(16 * kib - 1),
                         "a stack of 16383 bytes is too small: the least is 16384",
                         std::invalid_argument);
    CHECK_THROWS_AS((StackPool{{.stack_size = 1}}), std::invalid_argument);
    CHECK(pool.stats().in_use == 0);
}

TEST_CASE("a stack larger than memory is not_enough_memory, and the pool goes on") {
    StackPool pool{guarded};
    for (const std::size_t size : {SIZE_MAX, SIZE_MAX / 2, std::size_t{1} << 46, std::size_t{1} << 40}) {
        try {
            pool.give_back(pool.take(size));
            CHECK(size == std::size_t{1} << 40);  // address space is all it costs
        } catch (const std::system_error& error) {
            CHECK(error.code() == std::errc::not_enough_memory);
        }
    }
    Taken taken{pool};
    CHECK(taken.take().size == 256 * kib);
}

// --- guards ---------------------------------------------------------------------------------------

TEST_CASE("touching the page below a stack ends the process, whatever guards it") {
    for (const auto force : {GuardKind::madvise, GuardKind::mprotect}) {
        StackPool pool{{.force = force}};
        Taken taken{pool};
        for (const std::size_t size : {0 * kib, 0 * kib, 64 * kib}) {
            const StackSpan span = taken.take(size);
            CHECK_FALSE(StackPool::uses_canary(span));
            CHECK(kills(span.bottom() - 1));
            CHECK(kills(span.bottom() - page));
            CHECK_FALSE(kills(span.bottom()));
        }
    }
}

TEST_CASE("is_guard knows the page below each stack, and nothing else") {
    StackPool pool{guarded};
    Taken taken{pool};
    for (const std::size_t size : {0 * kib, 0 * kib, 16 * kib, 1024 * kib}) {
        const StackSpan span = taken.take(size);
        CHECK(pool.is_guard(span.bottom() - 1));
        CHECK(pool.is_guard(span.bottom() - page));
        CHECK_FALSE(pool.is_guard(span.bottom()));
        CHECK_FALSE(pool.is_guard(span.top - 1));
    }
    CHECK_FALSE(pool.is_guard(nullptr));
    CHECK_FALSE(pool.is_guard(&pool));
}

TEST_CASE("a reused stack is still guarded, and a cold one too") {
    StackPool pool{{.force = GuardKind::madvise, .keep_warm = 0}};
    pool.give_back(pool.take());
    Taken taken{pool};
    CHECK(kills(taken.take().bottom() - 1));
}

TEST_CASE("a canary tells that something was written below the stack") {
    StackPool pool{{.force = GuardKind::canary}};
    Taken taken{pool};
    const StackSpan span = taken.take();
    REQUIRE(StackPool::uses_canary(span));
    CHECK(span.size >= 255 * kib);
    CHECK(StackPool::canary_intact(span));

    std::fill(span.bottom(), span.top, std::byte{1});
    CHECK(StackPool::canary_intact(span));

    *(span.bottom() - 1) = std::byte{1};
    CHECK_FALSE(StackPool::canary_intact(span));
}

TEST_CASE("stacks with a canary are reused like others, of each size") {
    StackPool pool{{.force = GuardKind::canary}};
    for (const std::size_t size : {0 * kib, 16 * kib, 512 * kib}) {
        const StackSpan span = pool.take(size);
        pool.give_back(span);
        Taken taken{pool};
        CHECK(taken.take(size).top == span.top);
    }
    CHECK(pool.stats().free == 3);
}

TEST_CASE("when mprotect has used its share of the memory maps, canaries take over") {
    {
        StackPool pool{{.stack_size = 16 * kib, .force = GuardKind::mprotect}};
        Taken taken{pool};
        int count = 0;
        while (pool.guard() == GuardKind::mprotect && count < 1'000'000) {
            taken.take();
            ++count;
        }
        CHECK(count > 1000);
        CHECK(count < 32'743);  // where mprotect itself would fail
        CHECK(StackPool::uses_canary(taken.take()));

        StackPool other{{.force = GuardKind::mprotect}};  // the share is the process's
        Taken from_other{other};
        CHECK(StackPool::uses_canary(from_other.take()));
    }
    StackPool after{{.force = GuardKind::mprotect}};  // and free again
    Taken taken{after};
    CHECK_FALSE(StackPool::uses_canary(taken.take()));
}

TEST_CASE("GROVE_STACK_GUARD chooses the guard, a pool's own option comes first, nonsense is ignored") {
    const auto guard_with = [](const char* value, const StackPoolOptions& options = {}) {
        ::setenv("GROVE_STACK_GUARD", value, 1);
        const StackPool pool{options};
        ::unsetenv("GROVE_STACK_GUARD");
        return pool.guard();
    };
    CHECK(guard_with("mprotect") == GuardKind::mprotect);
    CHECK(guard_with("canary") == GuardKind::canary);
    CHECK(guard_with("madvise") == GuardKind::madvise);
    CHECK(guard_with("nonsense") == GuardKind::madvise);
    CHECK(guard_with("canary", {.force = GuardKind::mprotect}) == GuardKind::mprotect);
}

TEST_SUITE_END();
