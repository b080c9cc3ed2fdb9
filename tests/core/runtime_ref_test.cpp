// A runtime, seen from other threads and other runtimes.

#include <grove/base/error.hpp>
#include <grove/core/runtime.hpp>

#include "support/grove_test.hpp"

#include <atomic>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using grove::spawn;

TEST_SUITE_BEGIN("core/runtime_ref");

GROVE_TEST_REAL("post and call reach a runtime from any thread") {
    const auto here = grove::this_runtime();
    int posted = 0;
    std::atomic<bool> finished{false};
    std::thread other{[&] {
        CHECK(here.post([&] { ++posted; }));
        CHECK(here.call([&] {
            grove::sleep(1ms);
            return ++posted;
        }) == 2);
        CHECK_THROWS_WITH(here.call([] { throw std::runtime_error{"over there"}; }), "over there");
        finished = true;
    }};
    while (!finished) grove::sleep(1ms);
    grove::allow_threads([&] { other.join(); });
    CHECK(here.call([] { return 5; }) == 5);  // its own: at once
}

TEST_CASE("a greenlet calls into another runtime and parks meanwhile") {
    std::atomic<bool> stop{false};
    std::atomic<const grove::RuntimeRef*> ref{nullptr};
    std::thread other{[&] {
        grove::run([&] {
            const auto mine = grove::this_runtime();
            ref = &mine;
            while (!stop) grove::sleep(1ms);
            ref = nullptr;
        });
    }};
    while (!ref) std::this_thread::yield();
    const grove::RuntimeRef there = *ref;
    grove::run([&] {
        std::atomic<int> ticks{0};
        auto ticker = spawn([&] {
            for (;;) {
                grove::sleep(1ms);
                ++ticks;
            }
        });
        CHECK(there.call([&] {
            const auto give_up = grove::Clock::now() + 10s;
            while (ticks < 3 && grove::Clock::now() < give_up) grove::sleep(1ms);
            return ticks >= 3;
        }));
        ticker.kill();
        ticker.join();
    });
    stop = true;
    other.join();
    CHECK_FALSE(there.running());
    CHECK_FALSE(there.post([] {}));
    CHECK_THROWS_AS(there.call([] {}), std::system_error);
    CHECK_THROWS_AS((void)there.gil(), std::system_error);
}

TEST_CASE("a post that returned true runs before run ends") {
    for (int round = 0; round < 50; ++round) {
        std::atomic<int> accepted{0};
        int ran = 0;
        std::thread poster;
        grove::run([&] {
            poster = std::thread{[&, here = grove::this_runtime()] {
                while (here.post([&] { ++ran; })) {
                    ++accepted;
                    std::this_thread::sleep_for(1us);  // what a flood brings takes long to run
                }
            }};
            grove::sleep(200us);
        });
        poster.join();
        CHECK(ran == accepted);
    }
}

TEST_CASE("who posts and calls again and again does not keep a runtime from its end") {
    std::vector<std::thread> threads;
    std::atomic<int> refused{0};
    const auto give_up = grove::Clock::now() + 10s;
    const auto until_closed = [&refused, give_up](auto step) {
        try {
            while (grove::Clock::now() < give_up) step();
        } catch (const std::system_error& e) {
            if (e.code() == grove::Errc::closed) ++refused;
        }
    };
    grove::run([&] {
        for (int i = 0; i < 4; ++i) {  // so that there is hardly a moment without a greenlet
            threads.emplace_back([=, here = grove::this_runtime()] {
                until_closed([&] { here.call([] { grove::sleep(2ms); }); });
            });
        }
        threads.emplace_back([=, here = grove::this_runtime()] {
            until_closed([&] {
                if (!here.post([] { grove::yield(); }))
                    throw std::system_error{make_error_code(grove::Errc::closed)};
                std::this_thread::sleep_for(1us);
            });
        });
        grove::sleep(10ms);
    });
    CHECK(grove::Clock::now() < give_up);
    for (auto& thread : threads) thread.join();
    CHECK(refused == 5);
}

TEST_CASE("while a greenlet of before the end of main lives, others may post and call") {
    std::thread caller;
    int answers = 0;
    grove::run([&] {
        grove::spawn([&] {
            while (answers < 3) grove::sleep(1ms);
        });
        caller = std::thread{[&, here = grove::this_runtime()] {
            for (int i = 0; i < 3; ++i) here.call([&] { ++answers; });
        }};
    });
    caller.join();
    CHECK(answers == 3);
}

TEST_SUITE_END();
