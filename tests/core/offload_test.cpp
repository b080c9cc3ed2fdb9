#include <grove/core/gil.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/core/wait_list.hpp>

#include "support/grove_test.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using grove::offload;
using grove::spawn;

TEST_SUITE_BEGIN("core/offload");

GROVE_TEST("offload runs f on another thread, gives its result and rethrows") {
    const auto here = std::this_thread::get_id();
    CHECK(offload([] { return std::this_thread::get_id(); }) != here);
    CHECK(*offload([] { return std::make_unique<int>(4); }) == 4);
    int x = 0;
    CHECK(&offload([&]() -> int& { return x; }) == &x);
    CHECK_THROWS_WITH(offload([] { throw std::runtime_error{"over there"}; }), "over there");
    offload([] {});
}

GROVE_TEST_REAL("other greenlets run meanwhile, and the job does not hold the Gil") {
    std::atomic<bool> go_on{false};
    bool held = true;
    auto g = spawn([&] {
        grove::sleep(1ms);
        go_on = true;
    });
    offload([&] {
        held = grove::gil().held_here();
        while (!go_on) std::this_thread::yield();
    });
    CHECK_FALSE(held);
    g.join();
}

GROVE_TEST_REAL("a job takes the Gil and hands something to a greenlet") {
    grove::WaitList list;
    int row = 0;
    auto getter = spawn([&] { list.wait(); });
    offload([&] {
        const std::scoped_lock held{grove::gil()};
        row = 1;
        (void)list.notify_one();
    });
    getter.join();
    CHECK(row == 1);
}

GROVE_TEST_REAL("killed meanwhile, offload waits for f and returns; the next wait throws") {
    std::atomic<bool> started{false};
    std::atomic<bool> finished{false};
    bool returned = false;
    auto g = spawn([&] {
        const int answer = offload([&](const std::stop_token& stop) {
            started = true;
            while (!stop.stop_requested()) std::this_thread::yield();
            finished = true;
            return 42;
        });
        returned = answer == 42;
        grove::sleep({});
    });
    while (!started) grove::yield();
    g.kill();
    g.join();
    CHECK(finished);
    CHECK(returned);
    CHECK(g.killed());
}

GROVE_TEST_REAL("a time-out tells the job to hurry, too") {
    CHECK_FALSE(grove::try_with_timeout(5ms, [] {
        offload([](const std::stop_token& stop) {
            while (!stop.stop_requested()) std::this_thread::yield();
        });
        grove::sleep({});
    }));
}

GROVE_TEST("a killed greenlet starts no job") {
    bool ran = false;
    auto g = spawn([&] {
        grove::current().kill();
        offload([&] { ran = true; });
    });
    g.join();
    CHECK_FALSE(ran);
    CHECK(g.killed());
}

GROVE_TEST("offload inside offload, and on a plain thread, runs right there") {
    CHECK(offload([] {
        const auto outer = std::this_thread::get_id();
        return offload([] { return std::this_thread::get_id(); }) == outer;
    }));
    std::thread plain{
        [] { CHECK(offload([] { return std::this_thread::get_id(); }) == std::this_thread::get_id()); }};
    plain.join();
}

GROVE_TEST_REAL("a thread that offloads with the Gil in hand lets go of it meanwhile") {
    std::thread native{[here = grove::this_runtime()] {
        const std::scoped_lock held{here.gil()};
        const auto held_meanwhile = [&] { return here.gil().held_here(); };
        CHECK_FALSE(offload(held_meanwhile));
        CHECK(grove::offload_map(std::vector<int>(3), [&](int) { return held_meanwhile() ? 1 : 0; }) ==
              std::vector<int>(3, 0));
        CHECK(here.gil().held_here());
    }};
    grove::allow_threads([&] { native.join(); });
}

GROVE_TEST("offload_map gives results in order") {
    std::vector<int> numbers;
    for (int i = 0; i < 200; ++i) numbers.push_back(i);
    const auto squares = grove::offload_map(numbers, [](int n) { return n * n; });
    REQUIRE(squares.size() == 200);
    for (int i = 0; i < 200; ++i) CHECK(squares[static_cast<std::size_t>(i)] == i * i);
    CHECK(grove::offload_map(std::vector<int>{}, [](int n) { return n; }).empty());
}

GROVE_TEST("offload_map stops at the first exception and rethrows it") {
    std::atomic<int> started{0};
    CHECK_THROWS_WITH(grove::offload_map(std::vector<int>(1000, 1),
                                         [&](int) -> int {
                                             ++started;
                                             throw std::runtime_error{"bad row"};
                                         }),
                      "bad row");
    CHECK(started < 1000);
}

TEST_CASE("never more jobs at once than native_threads") {
    std::atomic<int> now_running{0};
    std::atomic<int> most{0};
    grove::run({.native_threads = 2}, [&] {
        std::vector<grove::Greenlet<>> all;
        for (int i = 0; i < 20; ++i) {
            all.push_back(spawn([&] {
                offload([&] {
                    const int n = ++now_running;
                    int seen = most;
                    while (n > seen && !most.compare_exchange_weak(seen, n)) {
                    }
                    std::this_thread::sleep_for(500us);  // long enough for others to come
                    --now_running;
                });
            }));
        }
        grove::join_all(all);
    });
    CHECK(most <= 2);
    CHECK(most >= 1);
}

GROVE_TEST_REAL("a storm of jobs, kills and time-outs loses none") {
    std::atomic<int> ran{0};
    int returned = 0;
    std::vector<grove::Greenlet<>> all;
    for (int i = 0; i < 300; ++i) {
        all.push_back(spawn([&, i] {
            (void)grove::try_with_timeout(std::chrono::microseconds{i}, [&] {
                offload([&] { ++ran; });
                ++returned;
                grove::sleep(1ms);
            });
        }));
    }
    grove::sleep(100us);
    for (std::size_t i = 0; i < all.size(); i += 3) all[i].kill();
    grove::join_all(all);
    CHECK(ran == returned);
}

TEST_SUITE_END();
