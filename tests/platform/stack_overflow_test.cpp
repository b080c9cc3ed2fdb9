#include "platform/stack_overflow.hpp"

#include "platform/fiber.hpp"
#include "support/child_process.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <unistd.h>

using grove::detail::FiberRecord;
using grove::detail::GuardKind;
using grove::detail::OverflowedStack;
using grove::detail::report_stack_overflow;
using grove::detail::StackOverflowGuard;
using grove::detail::StackPool;
using grove::detail::StackPoolOptions;
using grove::detail::ThreadSlots;
using grove::testing::run_child;

namespace {

constexpr StackPoolOptions guarded{.force = GuardKind::madvise};  // whatever GROVE_STACK_GUARD says

OverflowedStack crawler(void*) noexcept {
    return {.name = "crawler", .id = 7, .stack_size = 262144, .spawned_at = {"crawl.cpp", 42}};
}

constexpr auto crawler_message =
    "grove: stack overflow in greenlet \"crawler\" (#7): 262144 bytes, spawned at crawl.cpp:42; "
    "raise SpawnOptions::stack_size or RunOptions::stack_size\n";

void touch(std::byte* address) {
    *static_cast<volatile std::byte*>(address) = std::byte{1};
}

/// Without what a sanitizer installs, so that all builds end alike.
void handle_by_default() {
    std::signal(SIGSEGV, SIG_DFL);
    std::signal(SIGBUS, SIG_DFL);
}

int recurse(int depth) {
    volatile char frame[512];
    frame[0] = static_cast<char>(depth);
    return depth < 0 ? 0 : recurse(depth + 1) + frame[0];
}

void recurse_for_ever() noexcept {
    grove::detail::arrive();
    recurse(0);
}

/// What ends the child: an exit with this code, from a handler that was there before.
constexpr int handled = 42;

}  // namespace

TEST_SUITE_BEGIN("platform/stack_overflow");

TEST_CASE("a fault on a guard page names the greenlet, and the process dies of the signal") {
    const auto end = run_child([] {
        handle_by_default();
        StackPool pool{guarded};
        const StackOverflowGuard guard{pool, crawler, nullptr};
        touch(pool.take().bottom() - 1);
    });
    CHECK(end.errors == crawler_message);
    CHECK(end.signal == SIGSEGV);
}

TEST_CASE("endless recursion is reported, though the stack that faulted has no room for the handler") {
    const auto end = run_child([] {
        handle_by_default();
        StackPool pool{guarded};
        const StackOverflowGuard guard{pool, crawler, nullptr};
        FiberRecord here, fiber;
        fiber.stack = pool.take();
        adopt_thread(here);
        grove::detail::make_fiber<&recurse_for_ever>(fiber);
        switch_fiber(here, fiber, ThreadSlots::of_this_thread());
    });
    CHECK(end.errors == crawler_message);
    CHECK(end.signal == SIGSEGV);
}

TEST_CASE("endless recursion past a canary is reported when it has run through the stacks below") {
    const auto end = run_child([] {
        handle_by_default();
        StackPool pool{{.force = GuardKind::canary}};
        const StackOverflowGuard guard{pool, crawler, nullptr};
        FiberRecord here, fiber;
        for (int i = 0; i < 3; ++i) fiber.stack = pool.take();
        adopt_thread(here);
        grove::detail::make_fiber<&recurse_for_ever>(fiber);
        switch_fiber(here, fiber, ThreadSlots::of_this_thread());
    });
    CHECK(end.errors.find(crawler_message) != std::string::npos);
    CHECK(end.signal == SIGSEGV);
}

TEST_CASE("the description is asked of whoever made the guard") {
    const auto end = run_child([] {
        handle_by_default();
        StackPool pool{guarded};
        OverflowedStack stack{.id = 3, .stack_size = 16384};
        const StackOverflowGuard guard{
            pool, [](void* context) noexcept { return *static_cast<OverflowedStack*>(context); }, &stack};
        touch(pool.take().bottom() - 1);
    });
    CHECK(end.errors ==
          "grove: stack overflow in greenlet #3: 16384 bytes; "
          "raise SpawnOptions::stack_size or RunOptions::stack_size\n");
}

TEST_CASE("each thread reports the overflows of its own pool") {
    const auto end = run_child([] {
        handle_by_default();
        StackPool here{guarded};
        const StackOverflowGuard guard{
            here, [](void*) noexcept { return OverflowedStack{.name = "other"}; }, nullptr};
        std::thread{[] {
            StackPool there{guarded};
            const StackOverflowGuard its_guard{there, crawler, nullptr};
            touch(there.take().bottom() - 1);
        }}.join();
    });
    CHECK(end.errors == crawler_message);
    CHECK(end.signal == SIGSEGV);
}

// --- other faults ---------------------------------------------------------------------------------

TEST_CASE("a fault elsewhere dies as it would without us, silently") {
    const auto end = run_child([] {
        handle_by_default();
        StackPool pool{guarded};
        const StackOverflowGuard guard{pool, crawler, nullptr};
        touch(static_cast<std::byte*>(::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
    });
    CHECK(end.errors.empty());
    CHECK(end.signal == SIGSEGV);
}

TEST_CASE("a signal that somebody sends is passed on like a fault") {
    const auto end = run_child([] {
        handle_by_default();
        StackPool pool{guarded};
        const StackOverflowGuard guard{pool, crawler, nullptr};
        ::raise(SIGBUS);
    });
    CHECK(end.errors.empty());
    CHECK(end.signal == SIGBUS);
}

TEST_CASE("the handler that was there before gets the faults that are not ours, of either kind of handler") {
    const auto plain = run_child([] {
        std::signal(SIGSEGV, [](int) { ::_exit(handled); });
        StackPool pool{guarded};
        const StackOverflowGuard guard{pool, crawler, nullptr};
        ::raise(SIGSEGV);
    });
    CHECK(plain.exit_code == handled);

    const auto with_info = run_child([] {
        struct sigaction action {};
        action.sa_flags = SA_SIGINFO;
        action.sa_sigaction = [](int, siginfo_t* info, void*) {
            ::_exit(info->si_code == SI_TKILL ? handled : 1);
        };
        ::sigaction(SIGSEGV, &action, nullptr);
        StackPool pool{guarded};
        const StackOverflowGuard guard{pool, crawler, nullptr};
        ::raise(SIGSEGV);
    });
    CHECK(with_info.exit_code == handled);
}

TEST_CASE("the handler that was there before also gets an overflow, after the message") {
    const auto end = run_child([] {
        std::signal(SIGSEGV, [](int) { ::_exit(handled); });
        StackPool pool{guarded};
        const StackOverflowGuard guard{pool, crawler, nullptr};
        touch(pool.take().bottom() - 1);
    });
    CHECK(end.errors == crawler_message);
    CHECK(end.exit_code == handled);
}

TEST_CASE("an ignored signal that somebody sends stays ignored") {
    const auto end = run_child([] {
        std::signal(SIGSEGV, SIG_IGN);
        StackPool pool{guarded};
        const StackOverflowGuard guard{pool, crawler, nullptr};
        ::raise(SIGSEGV);
        ::_exit(handled);
    });
    CHECK(end.exit_code == handled);
}

// --- coming and going -----------------------------------------------------------------------------

TEST_CASE("the last guard puts back the handlers and the signal stack that were there") {
    struct sigaction before {
    }, during{}, after{};
    stack_t stack_before{}, stack_after{};
    ::sigaction(SIGSEGV, nullptr, &before);
    ::sigaltstack(nullptr, &stack_before);
    StackPool pool{guarded};
    {
        const StackOverflowGuard outer{pool, crawler, nullptr};
        { const StackOverflowGuard inner{pool, crawler, nullptr}; }
        ::sigaction(SIGSEGV, nullptr, &during);
    }
    ::sigaction(SIGSEGV, nullptr, &after);
    ::sigaltstack(nullptr, &stack_after);

    CHECK((during.sa_sigaction != before.sa_sigaction));
    CHECK((after.sa_sigaction == before.sa_sigaction));
    CHECK(stack_after.ss_sp == stack_before.ss_sp);
}

TEST_CASE("a handler that came later and calls ours is neither taken off nor called in a circle") {
    const auto end = run_child([] {
        handle_by_default();
        static struct sigaction ours {};
        StackPool pool{guarded};
        {
            const StackOverflowGuard guard{pool, crawler, nullptr};
            struct sigaction later {};
            later.sa_flags = SA_SIGINFO | SA_ONSTACK;
            later.sa_sigaction = [](int signal, siginfo_t* info, void* context) {
                ours.sa_sigaction(signal, info, context);
            };
            ::sigaction(SIGSEGV, &later, &ours);
        }
        const StackOverflowGuard again{pool, crawler, nullptr};
        touch(pool.take().bottom() - 1);
    });
    CHECK(end.errors == crawler_message);
    CHECK(end.signal == SIGSEGV);
}

TEST_CASE("a name that does not fit is cut off, not overrun") {
    const auto end = run_child([] {
        const std::string name(5000, 'n');
        report_stack_overflow({.name = name, .id = 1, .stack_size = 1});
    });
    CHECK(end.exit_code == 0);
    CHECK(end.errors.size() <= 1024);
    CHECK(end.errors.starts_with("grove: stack overflow in greenlet \"nnn"));
}

TEST_SUITE_END();
