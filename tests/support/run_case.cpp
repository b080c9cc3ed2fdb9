#include <grove/core/runtime.hpp>

#include "core/run_main.hpp"
#include "support/grove_test.hpp"
#include "support/virtual_loop.hpp"

#include <cstdlib>
#include <filesystem>

namespace grove::testing {

namespace {

std::uint64_t shuffle_seed() {
    const char* const text = std::getenv("GROVE_SHUFFLE");
    return text ? std::strtoull(text, nullptr, 10) : 0;
}

detail::Environment environment(Time time, Order order) {
    detail::Environment environment;
    if (order == Order::shuffled) environment.shuffle_seed = shuffle_seed();
    if (time == Time::simulated) {
        environment.virtual_time = true;
        environment.loop =
            std::make_unique<VirtualLoop>([] { return detail::Scheduler::here()->outside() > 0; });
    }
    return environment;
}

/// The body, and behind it the look at what it left.
struct Case final : detail::MainBody {
    void call() override {
        auto& scheduler = *detail::Scheduler::here();
        const auto stacks = scheduler.stacks().stats().in_use;
        const auto timers = scheduler.timers().size();
        body();
        // Those the body ended without joining them get their chance to unwind.
        for (int i = 0; i < 100 && scheduler.live_count() > 0; ++i) yield();
        CHECK_MESSAGE(scheduler.live_count() == 0, "greenlets are left");
        CHECK_MESSAGE(scheduler.stacks().stats().in_use == stacks, "stacks are left");
        CHECK_MESSAGE(scheduler.timers().size() == timers, "timers are left");
        CHECK_MESSAGE(scheduler.outside() == 0, "pool jobs or waits on descriptors are left");
    }
    void (*body)() = nullptr;
};

int count_descriptors() {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) ++count;
    return count;
}

}  // namespace

// UBSan, before it trusts a pointer, opens a pipe for a moment; also in the watchdog's thread.
int open_descriptors() {
    int count = count_descriptors();
    for (int again = count_descriptors(); again != count; again = count_descriptors()) count = again;
    return count;
}

void run_case(void (*body)(), Time time, Order order) {
    const int descriptors = open_descriptors();
    Case main;
    main.body = body;
    detail::run_main({.stop_signals = {}}, main, environment(time, order));
    CHECK_MESSAGE(open_descriptors() == descriptors, "descriptors are left");
}

}  // namespace grove::testing
