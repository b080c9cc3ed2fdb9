#include <grove/core/gil.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/sync/event.hpp>

#include "core/gil_state.hpp"
#include "support/grove_test.hpp"

#include <sys/resource.h>

#include <atomic>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using grove::spawn;

TEST_SUITE_BEGIN("core/gil");

GROVE_TEST_REAL("the runtime's thread holds it while greenlets run, not inside allow_threads") {
    auto& gil = grove::gil();
    CHECK(gil.held_here());
    CHECK_FALSE(gil.try_lock());
    errno = ERANGE;
    const bool held = grove::allow_threads([&] {
        errno = EDOM;
        return gil.held_here();
    });
    CHECK_FALSE(held);
    CHECK(errno == EDOM);
    CHECK(gil.held_here());
}

GROVE_TEST_REAL("a native thread that takes it may touch what greenlets touch and wake them") {
    grove::WaitList list;
    int shared = 0;
    std::thread native{[&, here = grove::this_runtime()] {
        const std::scoped_lock held{here.gil()};
        CHECK(here.gil().held_here());
        shared = 1;
        while (!list.notify_one()) {
            here.gil().unlock();
            std::this_thread::yield();
            here.gil().lock();
        }
    }};
    list.wait();
    CHECK(shared == 1);
    grove::allow_threads([&] { native.join(); });
}

GROVE_TEST_REAL("a native thread with the Gil may spawn greenlets") {
    std::atomic<bool> ran{false};
    std::thread native{[&, here = grove::this_runtime()] {
        const std::scoped_lock held{here.gil()};
        spawn([&] { ran = true; });
    }};
    grove::allow_threads([&] { native.join(); });
    grove::yield();
    CHECK(ran);
}

GROVE_TEST_REAL("no update is lost between greenlets and native threads") {
    long count = 0;
    constexpr int rounds = 2000;
    const auto here = grove::this_runtime();
    std::vector<std::thread> natives;
    for (int i = 0; i < 3; ++i) {
        natives.emplace_back([&count, here] {
            for (int n = 0; n < rounds; ++n) {
                const std::scoped_lock held{here.gil()};
                ++count;
            }
        });
    }
    for (int n = 0; n < rounds; ++n) {
        ++count;
        if (n % 16 == 0) grove::sleep(1us);
    }
    grove::allow_threads([&] {
        for (auto& native : natives) native.join();
    });
    CHECK(count == 4L * rounds);
}

GROVE_TEST_REAL("a computing greenlet hands it over at a checkpoint within an interval or two") {
    auto& gil = grove::gil();
    gil.set_switch_interval(1ms);
    CHECK(gil.switch_interval() == 1ms);
    std::atomic<bool> got_it{false};
    std::thread native{[&, here = grove::this_runtime()] {
        const std::scoped_lock held{here.gil()};
        got_it = true;
    }};
    const auto give_up = grove::Clock::now() + 10s;
    while (!got_it && grove::Clock::now() < give_up) grove::checkpoint();
    CHECK(got_it);
    CHECK(gil.stats().forced_handovers >= 1);
    grove::allow_threads([&] { native.join(); });
}

GROVE_TEST_REAL("threads get it in the order in which they asked for it") {
    auto& state = grove::detail::GilAccess::state(grove::gil());
    std::string order;
    std::vector<std::thread> threads;
    for (const char name : {'a', 'b', 'c', 'd', 'e'}) {
        const int waiting = state.waiting;
        threads.emplace_back([&, name, here = grove::this_runtime()] {
            const std::scoped_lock held{here.gil()};
            order += name;
        });
        while (state.waiting == waiting) std::this_thread::yield();
    }
    grove::allow_threads([&] {
        for (auto& thread : threads) thread.join();
    });
    CHECK(order == "abcde");
}

GROVE_TEST_REAL("greenlets that only switch hand it over too") {
    grove::gil().set_switch_interval(1ms);
    std::atomic<bool> got_it{false};
    std::thread native{[&, here = grove::this_runtime()] {
        const std::scoped_lock held{here.gil()};
        got_it = true;
    }};
    const auto give_up = grove::Clock::now() + 10s;
    while (!got_it && grove::Clock::now() < give_up) grove::yield();
    CHECK(got_it);
    grove::allow_threads([&] { native.join(); });
}

GROVE_TEST_REAL("a native thread that computes hands it back at a checkpoint") {
    std::atomic<bool> stop{false};
    grove::Event started;
    grove::gil().set_switch_interval(1ms);
    std::thread native{[&, here = grove::this_runtime()] {
        const std::scoped_lock held{here.gil()};
        started.set();
        while (!stop) grove::checkpoint();
    }};
    started.wait();
    stop = true;  // we got it back while the native thread spins
    grove::allow_threads([&] { native.join(); });
}

TEST_CASE("a thread that waits for the Gil of a runtime that ends gets closed") {
    std::thread waiter;
    std::atomic<bool> closed{false};
    grove::run([&] {
        waiter = std::thread{[&, here = grove::this_runtime()] {
            try {
                for (;;) {
                    here.gil().lock();
                    here.gil().unlock();
                }
            } catch (const std::system_error& e) {
                closed = e.code() == grove::Errc::closed;
            }
        }};
        grove::sleep(5ms);
    });
    waiter.join();
    CHECK(closed);
}

TEST_CASE("a runtime ends while threads lock its Gil, hold it, post and call: each is told") {
    std::vector<std::thread> threads;
    std::atomic<int> closed{0};
    const auto until_closed = [&closed](auto step) {
        try {
            for (;;) step();
        } catch (const std::system_error& e) {
            if (e.code() == grove::Errc::closed) ++closed;
        }
    };
    int done = 0;  // under the Gil
    grove::Event enough;
    const auto one_more = [&] {
        if (++done == 1000) enough.set();
    };
    grove::run([&] {
        const auto here = grove::this_runtime();
        for (int i = 0; i < 2; ++i) {
            threads.emplace_back([=, &one_more] {
                until_closed([&] {
                    const std::scoped_lock held{here.gil()};
                    for (int k = 0; k < 100; ++k) grove::checkpoint();
                    one_more();
                });
            });
            threads.emplace_back([=, &one_more] {
                std::binary_semaphore ran{0};
                until_closed([&] {
                    const bool taken = here.post([&] {
                        one_more();
                        ran.release();
                    });
                    if (!taken) throw std::system_error{make_error_code(grove::Errc::closed)};
                    ran.acquire();
                });
            });
            threads.emplace_back([=, &one_more] {
                until_closed([&] {
                    here.call([&one_more] {
                        grove::yield();
                        one_more();
                    });
                });
            });
        }
        enough.wait();
    });
    for (auto& thread : threads) thread.join();
    CHECK(closed == 6);
}

TEST_CASE("of many threads that wait for it, one keeps the time") {
    constexpr int count = 50;
    grove::Gil gil{100us};
    gil.lock();
    std::atomic<long> sleeps{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) {
        threads.emplace_back([&] {
            gil.lock();
            gil.unlock();
            rusage used{};
            CHECK(::getrusage(RUSAGE_THREAD, &used) == 0);
            sleeps += used.ru_nvcsw;
        });
    }
    while (grove::detail::GilAccess::state(gil).waiting < count) std::this_thread::yield();
    std::this_thread::sleep_for(20ms);  // 200 intervals, in which each could wake up
    gil.unlock();
    for (auto& thread : threads) thread.join();
    CHECK(sleeps < 20 * count);
}

TEST_CASE("a request is for who had it, not for who gets it") {
    grove::Gil gil{1ms};
    auto& state = grove::detail::GilAccess::state(gil);
    const auto asked = [&] { return (state.breaker & grove::detail::breaker_bit::drop_request) != 0; };
    std::atomic<bool> asked_of_next{true};
    std::atomic<bool> leave{false};
    gil.lock();
    std::thread next{[&] {
        const std::scoped_lock held{gil};
        asked_of_next = asked();
        while (!leave) std::this_thread::yield();
    }};
    while (!asked()) std::this_thread::yield();
    state.locked = false;  // half of unlock(): it finds the Gil free by itself, before it is called
    while (state.waiting > 0) std::this_thread::yield();
    leave = true;
    next.join();
    CHECK_FALSE(asked_of_next);
    state.locked = true;
    gil.unlock();
}

TEST_CASE("an interval is a microsecond at least, and short enough to be added to a time") {
    grove::Gil gil{0us};
    CHECK(gil.switch_interval() == 1us);
    const auto longest = std::chrono::microseconds::max();
    CHECK(grove::Clock::now() + grove::Gil{longest}.switch_interval() > grove::Clock::now());
    gil.set_switch_interval(longest);
    CHECK(grove::Clock::now() + gil.switch_interval() > grove::Clock::now());
}

TEST_CASE("two Gils of one thread are freed in either order") {
    grove::Gil first{5ms};
    grove::Gil second{5ms};
    for (int i = 0; i < 2; ++i) {
        first.lock();
        second.lock();
        first.unlock();
        CHECK_FALSE(first.held_here());
        CHECK(second.held_here());
        CHECK(first.try_lock());
        first.unlock();
        second.unlock();
        CHECK_FALSE(second.held_here());
    }
}

GROVE_TEST_REAL("what it tells of its runtime's thread leaves out the time it was given away") {
    const auto before = grove::gil().stats();
    std::atomic<bool> has_it{false};
    std::thread native{[&, here = grove::this_runtime()] {
        const std::scoped_lock held{here.gil()};
        has_it = true;
        std::this_thread::sleep_for(20ms);  // real time is what is counted here
    }};
    grove::allow_threads([&] {
        while (!has_it) std::this_thread::yield();
    });
    const auto after = grove::gil().stats();
    CHECK(after.waited - before.waited >= 15ms);
    CHECK(after.held - before.held < 15ms);
    grove::allow_threads([&] { native.join(); });
}

TEST_CASE("a runtime does not end before a thread that waits with its Gil in hand has come back and left") {
    std::thread native;
    bool left = false;  // under the Gil
    bool refused = false;
    grove::run([&] {
        grove::Event entered;
        native = std::thread{[&, here = grove::this_runtime()] {
            const std::scoped_lock held{here.gil()};
            entered.set();
            grove::allow_threads([&] {
                std::binary_semaphore ran{0};
                while (here.post([&] { ran.release(); })) ran.acquire();  // until the runtime ends
            });
            try {
                spawn([] {});
            } catch (const std::system_error& e) {
                refused = e.code() == grove::Errc::closed;
            }
            left = true;
        }};
        entered.wait();
    });
    CHECK(left);
    CHECK(refused);
    native.join();
}

TEST_CASE("gil and this_runtime outside of a runtime are a logic_error") {
    CHECK_THROWS_AS((void)grove::gil(), std::logic_error);
    CHECK_THROWS_AS((void)grove::this_runtime(), std::logic_error);
}

TEST_SUITE_END();
