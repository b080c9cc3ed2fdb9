#include <grove/core/greenlet.hpp>
#include <grove/core/local.hpp>
#include <grove/core/runtime.hpp>

#include "support/child_process.hpp"

#include <doctest/doctest.h>

#include <csignal>

using namespace std::chrono_literals;
using grove::spawn;

TEST_SUITE_BEGIN("core/run_end");

namespace {

/// A supervisor: a daemon that is started again whenever it ends.
void keep_running(int& starts) {
    ++starts;
    spawn({.daemon = true}, [] { grove::sleep({}); }).link([&starts](const grove::GreenletRef&) {
        keep_running(starts);
    });
}

}  // namespace

TEST_CASE("a daemon that is started again when it ends is not when the runtime ends") {
    int starts = 0;
    grove::run([&] {
        keep_running(starts);
        grove::yield();
    });
    CHECK(starts == 1);
}

TEST_CASE("daemons that others start while they unwind are killed as well") {
    bool second_unwound = false;
    grove::run([&] {
        spawn({.daemon = true}, [&] {
            try {
                grove::sleep({});
            } catch (...) {
                spawn({.daemon = true}, [&] {
                    try {
                        grove::sleep({});
                    } catch (...) {
                        second_unwound = true;
                        throw;
                    }
                });
                grove::yield();
                throw;
            }
        });
        grove::yield();
    });
    CHECK(second_unwound);
}

TEST_CASE("main's Locals are destroyed in main, where they may spawn and wait") {
    static bool in_greenlet = false;
    struct Blocking {
        ~Blocking() {
            in_greenlet = static_cast<bool>(grove::current());
            spawn([] {}).join();
        }
    };
    const grove::Local<Blocking> local;
    grove::run([&] { (void)*local; });
    CHECK(in_greenlet);
}

TEST_CASE("a stop signal that is listed twice is given back once") {
    const auto end = grove::testing::run_child([] {
        grove::run({.stop_signals = {SIGTERM, SIGTERM}}, [] {});
        ::raise(SIGTERM);
    });
    CHECK(end.signal == SIGTERM);
}

TEST_CASE("the longest slice, interval and limit there are mean never") {
    int turns_of_other = 0;
    grove::run({.time_slice = std::chrono::microseconds::max(),
                .switch_interval = std::chrono::microseconds::max(),
                .runaway_limit = std::chrono::milliseconds::max()},
               [&] {
                   auto other = spawn([&] {
                       for (;; grove::yield()) ++turns_of_other;
                   });
                   const auto end = grove::Clock::now() + 20ms;
                   while (grove::Clock::now() < end) grove::checkpoint();
                   CHECK(turns_of_other == 0);
                   other.kill();
               });
}

TEST_SUITE_END();
