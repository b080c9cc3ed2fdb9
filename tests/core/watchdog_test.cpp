#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/stats.hpp>

#include "support/child_process.hpp"
#include "support/grove_test.hpp"

#include <csignal>
#include <ctime>
#include <future>
#include <mutex>
#include <thread>

using namespace std::chrono_literals;
using grove::testing::run_child;

namespace {

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

/// Computes without a checkpoint, until the watchdog has noticed.
void compute_until_noticed(std::uint64_t runaways = 1) {
    while (grove::stats().runaways < runaways) {
    }
}

}  // namespace

TEST_CASE("who computes for too long is named, with where it was spawned and where it is") {
    const auto end = run_child([] {
        grove::run({.runaway_limit = 20ms},
                   [] { grove::spawn({.name = "busy"}, [] { compute_until_noticed(); }).join(); });
    });
    CHECK(end.exit_code == 0);
    CHECK(has(end.errors, "greenlet #2 busy, spawned at "));
    CHECK(has(end.errors, "watchdog_test.cpp:"));
    CHECK(has(end.errors, "has not let others run for 0."));
    CHECK(has(end.errors, "It computes"));
    CHECK(has(end.errors, "busy, spawned at"));
#ifndef __SANITIZE_THREAD__  // there a signal waits for a system call
    CHECK(has(end.errors, "grove_tests+0x"));
#endif
}

TEST_CASE("who sleeps in a foreign call is named, too, and when it is over") {
    const auto end = run_child([] {
        grove::run({.runaway_limit = 10ms}, [] {
            grove::spawn({.name = "sleepy"}, [] {
                while (grove::stats().runaways == 0) {
                    const timespec a_while{.tv_sec = 0, .tv_nsec = 50'000'000};
                    ::nanosleep(&a_while, nullptr);
                }
            }).join();
        });
    });
    CHECK(end.exit_code == 0);
    CHECK(has(end.errors, "sleepy"));
    CHECK(has(end.errors, "It sleeps in a call that is not grove's"));
    CHECK(has(end.errors, "let others run again, after 0."));
}

TEST_CASE("main is named as main; and after a long rest the next one is noticed as well") {
    const auto end = run_child([] {
        grove::run({.runaway_limit = 2ms}, [] {
            compute_until_noticed(1);
            grove::sleep(100ms);  // the watchdog looks every millisecond, and sleeps after twenty quiet ones
            compute_until_noticed(2);
        });
    });
    CHECK(end.exit_code == 0);
    CHECK(has(end.errors, "greenlet #1 main has not let others run"));
}

TEST_CASE("a native thread that keeps the Gil from others is named, and not who waits for it") {
    const auto end = run_child([] {
        grove::run({.switch_interval = 1ms, .runaway_limit = 20ms}, [] {
            grove::sleep(300ms);  // the watchdog looks every 10 ms, and sleeps after twenty quiet ones
            std::thread native{[here = grove::this_runtime()] {
                ::pthread_setname_np(::pthread_self(), "greedy");
                const std::scoped_lock held{here.gil()};
                compute_until_noticed();
            }};
            while (grove::stats().runaways == 0) {
                grove::sleep(1ms);
                grove::checkpoint();
            }
            grove::allow_threads([&] { native.join(); });
        });
    });
    CHECK(end.exit_code == 0);
    CHECK(has(end.errors, "the native thread greedy (tid "));
    CHECK(has(end.errors, "has not given up the Gil for 0."));
    CHECK(has(end.errors, "Threads that wait for it: 1."));
    CHECK(has(end.errors, "has given up the Gil, after 0."));
    CHECK_FALSE(has(end.errors, "let others run"));
#ifndef __SANITIZE_THREAD__  // there a signal waits for a system call
    CHECK(has(end.errors, "grove_tests+0x"));
#endif
}

TEST_CASE("nobody is named who lets others run in time, or if nobody is to look") {
    const auto end = run_child([] {
        const auto compute = [](auto let_others_run) {
            for (const auto until = grove::Clock::now() + 600ms; grove::Clock::now() < until;)
                let_others_run();
        };
        grove::run({.runaway_limit = 400ms}, [&] { compute([] { grove::yield(); }); });
        grove::run({.runaway_limit = 0ms}, [&] { compute([] {}); });
    });
    CHECK(end.exit_code == 0);
    CHECK(end.errors.empty());
}

TEST_CASE("a program's own handler of SIGURG is left alone") {
    static volatile std::sig_atomic_t calls = 0;
    const auto end = run_child([] {
        struct sigaction action {};
        action.sa_handler = [](int) { calls = calls + 1; };
        sigaction(SIGURG, &action, nullptr);
        grove::run({.runaway_limit = 10ms}, [] { compute_until_noticed(); });
        if (calls != 0) std::exit(3);
    });
    CHECK(end.exit_code == 0);
    CHECK(has(end.errors, "Where it is cannot be seen"));
}

#if defined(GROVE_ASSERTS)
void check_wait_with_gil(const grove::testing::ChildEnd& end) {
    CHECK(end.signal == SIGABRT);
    CHECK(has(end.errors, "Native threads that wait for the Gil: 1."));
    CHECK(has(end.errors, "a thread is waited for with the Gil held"));
}

TEST_CASE("waiting for a thread that waits for the Gil ends the process, and says so") {
    check_wait_with_gil(run_child([] {
        grove::run({.runaway_limit = 10ms}, [] {
            std::thread thread{[here = grove::this_runtime()] { const std::scoped_lock held{here.gil()}; }};
            thread.join();
        });
    }));
}

TEST_CASE("so does waiting for a future whose promise needs the Gil") {
    check_wait_with_gil(run_child([] {
        grove::run({.runaway_limit = 10ms}, [] {
            std::promise<void> done;
            std::thread thread{[&, here = grove::this_runtime()] {
                const std::scoped_lock held{here.gil()};
                done.set_value();
            }};
            done.get_future().wait();
            thread.join();
        });
    }));
}
#endif
