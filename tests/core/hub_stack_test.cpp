#include "core/hub_stack.hpp"

#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>

#include "support/grove_test.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>

using grove::detail::on_hub_stack;

namespace {

constexpr std::size_t depth = 64 * 1024;

/// Writes to so much stack, and says what it wrote.
[[gnu::noinline]] std::size_t go_deep() {
    std::array<volatile std::byte, depth> frame;
    std::ranges::fill(frame, std::byte{1});
    return static_cast<std::size_t>(std::ranges::count(frame, std::byte{1}));
}

/// How many of the pages below this frame are there: what go_deep() would touch.
[[gnu::noinline]] std::size_t pages_below() {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    auto* here = static_cast<std::byte*>(__builtin_frame_address(0));
    here -= reinterpret_cast<std::uintptr_t>(here) % page;
    std::array<unsigned char, depth / 4096> there{};
    REQUIRE(::mincore(here - depth, depth, there.data()) == 0);
    return static_cast<std::size_t>(std::ranges::count_if(there, [](auto bits) { return (bits & 1U) != 0; }));
}

}  // namespace

GROVE_TEST("what is called on the hub's stack leaves the greenlet's as it was") {
    auto g = grove::spawn([] {
        grove::sleep(std::chrono::milliseconds{0});
        const auto before = pages_below();
        std::size_t written = 0;
        on_hub_stack([&] { written = go_deep(); });
        CHECK(written == depth);
        CHECK(pages_below() <= before + 1);
    });
    g.get();
}

GROVE_TEST("many greenlets take turns on the hub's stack, and wait in between") {
    int calls = 0;
    for (int i = 0; i < 100; ++i) {
        grove::spawn([&calls] {
            for (int round = 0; round < 10; ++round) {
                on_hub_stack([&] { ++calls; });
                grove::yield();
                on_hub_stack([&] { ++calls; });
                grove::sleep(std::chrono::milliseconds{1});
            }
        });
    }
    grove::sleep(std::chrono::seconds{1});
    CHECK(calls == 2000);
}

GROVE_TEST("a call on the hub's stack within another is an ordinary one") {
    grove::sleep(std::chrono::milliseconds{0});
    std::string order;
    on_hub_stack([&] {
        order += "a";
        on_hub_stack([&] { order += "b"; });
        order += "c";
    });
    CHECK(order == "abc");
}

GROVE_TEST("an exception comes back from the hub's stack, and the one that is being handled stays") {
    grove::sleep(std::chrono::milliseconds{0});
    try {
        throw std::runtime_error{"outer"};
    } catch (const std::runtime_error&) {
        CHECK_THROWS_WITH(on_hub_stack([] { throw std::logic_error{"inner"}; }), "inner");
        std::string handled;
        on_hub_stack([&] {
            try {
                throw;
            } catch (const std::exception& error) {
                handled = error.what();
            }
        });
        CHECK(handled == "outer");
    }
}

GROVE_TEST("before the hub's first turn, and on a plain thread, it is an ordinary call") {
    int calls = 0;
    on_hub_stack([&] { ++calls; });
    std::thread{[&] { on_hub_stack([&] { ++calls; }); }}.join();
    CHECK(calls == 2);
}
