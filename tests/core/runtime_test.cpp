#include <grove/base/error.hpp>
#include <grove/core/local.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/core/wait_list.hpp>

#include "core/scheduler.hpp"
#include "support/child_process.hpp"
#include "support/grove_test.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using grove::spawn;

TEST_SUITE_BEGIN("core/runtime");

// --- run -----------------------------------------------------------------------------------------------

TEST_CASE("run returns what main returned, or throws what it threw") {
    CHECK(grove::run([] { return 3; }) == 3);
    int x = 0;
    CHECK(&grove::run([&]() -> int& { return x; }) == &x);
    CHECK_THROWS_WITH(grove::run([] { throw std::runtime_error{"main failed"}; }), "main failed");
    CHECK_THROWS_AS(grove::run([] {
                        grove::current().kill();
                        grove::sleep({});
                    }),
                    grove::GreenletExit);
}

TEST_CASE("run waits for greenlets, and kills and joins daemons") {
    bool finished = false;
    bool unwound = false;
    grove::run([&] {
        spawn([&] {
            grove::sleep(5ms);
            finished = true;
        });
        spawn({.daemon = true}, [&] {
            struct Unwound {
                bool& flag;
                ~Unwound() { flag = true; }
            } const at_end{unwound};
            grove::sleep({});
        });
    });
    CHECK(finished);
    CHECK(unwound);
}

TEST_CASE("a daemon may start greenlets while it is unwound; run waits for them") {
    bool finished = false;
    grove::run([&] {
        spawn({.daemon = true}, [&] {
            try {
                grove::sleep({});
            } catch (const grove::GreenletExit&) {
                spawn([&] {
                    grove::sleep(1ms);
                    finished = true;
                });
                throw;
            }
        });
        grove::yield();
    });
    CHECK(finished);
}

TEST_CASE("one runtime per thread at a time, several in a process, again after the end") {
    grove::run([] { CHECK_THROWS_AS(grove::run([] {}), std::logic_error); });
    std::atomic<int> sum{0};
    std::thread other{[&] {
        sum += grove::run([] {
            grove::sleep(1ms);
            return 1;
        });
    }};
    sum += grove::run([] {
        grove::sleep(1ms);
        return 2;
    });
    other.join();
    CHECK(sum == 3);
}

// --- Time ----------------------------------------------------------------------------------------------

GROVE_TEST("sleepers wake in the order of their times, each exactly at its own") {
    std::string order;
    const auto start = grove::now();
    std::vector<grove::Greenlet<>> all;
    for (const int ms : {30, 10, 20, 5000, 100}) {
        all.push_back(spawn([&order, start, ms] {
            grove::sleep(std::chrono::milliseconds{ms});
            CHECK(grove::now() - start == std::chrono::milliseconds{ms});
            order += std::to_string(ms) + " ";
        }));
    }
    grove::join_all(all);
    CHECK(order == "10 20 30 100 5000 ");
}

GROVE_TEST_FIFO("sleep of nothing and yield let every ready greenlet run first") {
    std::string order;
    for (char c : {'a', 'b'}) {
        spawn(
            [&order](char name) {
                order += name;
                grove::sleep(name == 'a' ? 0ms : -1s);
                order += name;
            },
            c);
    }
    grove::yield();
    order += 'm';
    grove::yield();
    CHECK(order == "abmab");
}

GROVE_TEST_REAL("a sleep on the real clock is never short") {
    for (const grove::Clock::duration delay :
         {grove::Clock::duration{1us}, grove::Clock::duration{300us}, grove::Clock::duration{2ms}}) {
        const auto start = grove::Clock::now();
        grove::sleep(delay);
        CHECK(grove::Clock::now() - start >= delay);
    }
}

GROVE_TEST_REAL("a sleep of nothing lets the others run") {
    int others = 0;
    auto other = spawn([&] {
        for (;; ++others) grove::yield();
    });
    for (int i = 0; i < 10; ++i) grove::sleep(0s);
    grove::sleep(-1s);
    grove::sleep(grove::Clock::now());
    CHECK(others >= 11);
    other.kill();
    other.join();
}

TEST_CASE("on a plain thread sleep, yield and now work") {
    const auto start = grove::now();
    grove::sleep(2ms);
    grove::yield();
    grove::checkpoint();
    CHECK(grove::now() - start >= 2ms);
}

// --- checkpoint ----------------------------------------------------------------------------------------

GROVE_TEST_REAL("checkpoint lets others run when the time slice is used up") {
    bool others_ran = false;
    spawn([&] { others_ran = true; });
    const auto give_up = grove::Clock::now() + 10s;
    while (!others_ran && grove::Clock::now() < give_up) grove::checkpoint();
    CHECK(others_ran);
}

GROVE_TEST_REAL("at the end of a slice whoever is due meanwhile runs before the next slice") {
    const auto due = grove::Clock::now() + 2ms;
    bool woke = false;
    spawn([&] {
        grove::sleep(due);
        woke = true;
    });
    grove::yield();  // it sleeps now
    const auto& scheduler = *grove::detail::Scheduler::here();
    for (;;) {
        const auto turns = scheduler.turns();
        const bool is_due = grove::Clock::now() >= due;
        grove::checkpoint();
        if (is_due && scheduler.turns() != turns) break;
    }
    CHECK(woke);
}

TEST_CASE("a checkpoint lets others run before the end of the slice if they have news") {
    grove::run({.time_slice = 1s, .runaway_limit = 0ms}, [] {
        bool told = false;
        const auto start = grove::Clock::now();
        CHECK(grove::this_runtime().post([&] { told = true; }));
        while (!told) grove::checkpoint();
        CHECK(grove::Clock::now() - start < 1s);
    });
}

TEST_CASE("a checkpoint lets others run before the end of the slice if a timer is due") {
    grove::run({.time_slice = 10s, .runaway_limit = 0ms}, [] {
        bool woke = false;
        const auto start = grove::Clock::now();
        spawn([&] {
            grove::sleep(10ms);
            woke = true;
        });
        grove::yield();  // it sleeps now
        while (!woke) grove::checkpoint();
        CHECK(grove::Clock::now() - start < 10s);
    });
}

TEST_CASE("the end of a runtime does not wait for the end of a slice") {
    const auto start = grove::Clock::now();
    grove::run({.time_slice = 4s, .runaway_limit = 0ms}, [&] {
        // Only now the slice is watched for news, for the rest of it.
        while (grove::Clock::now() - start < 1200ms) grove::checkpoint();
    });
    CHECK(grove::Clock::now() - start < 3s);
}

GROVE_TEST_REAL("a checkpoint that throws does not end the watch over time slices") {
    {
        const grove::Timeout timeout{0ms};
        CHECK_THROWS_AS(grove::checkpoint(), grove::Timeout::Expired);
    }
    bool others_ran = false;
    grove::spawn([&] { others_ran = true; });
    const auto give_up = grove::Clock::now() + 5s;
    while (!others_ran && grove::Clock::now() < give_up) grove::checkpoint();
    CHECK(others_ran);
}

GROVE_TEST_REAL("checkpoint lets due timers fire and a time-out strike a computing greenlet") {
    CHECK_FALSE(grove::try_with_timeout(20ms, [] {
        const auto give_up = grove::Clock::now() + 10s;
        while (grove::Clock::now() < give_up) grove::checkpoint();
    }));
}

// --- Deadlock ------------------------------------------------------------------------------------------

GROVE_TEST("when all wait for ever, main gets a report of who waits for what") {
    grove::WaitList never;
    auto stuck = spawn({.name = "stuck"}, [&] { never.wait(); });
    grove::sleep(250ms);
    std::string report;
    try {
        never.wait();
    } catch (const grove::WouldBlockForever& e) {
        report = e.what();
    }
    CHECK(report.find("(2 of them)") != std::string::npos);
    CHECK(report.find("#1 main: waits in a WaitList since 0.000 s") != std::string::npos);
    CHECK(report.find("stuck, spawned at ") != std::string::npos);
    CHECK(report.find("runtime_test.cpp:") != std::string::npos);
    CHECK(report.find(": waits in a WaitList since 0.250 s") != std::string::npos);
    stuck.kill();
    stuck.join();
}

TEST_CASE("if main has ended and the rest wait for ever, they are killed and run throws") {
    bool unwound = false;
    CHECK_THROWS_AS(grove::run([&] {
                        spawn([&] {
                            struct Unwound {
                                bool& flag;
                                ~Unwound() { flag = true; }
                            } const at_end{unwound};
                            grove::sleep({});
                        });
                    }),
                    grove::WouldBlockForever);
    CHECK(unwound);
}

TEST_CASE("a RuntimeRef elsewhere means that somebody may still wake us") {
    bool woken = false;
    std::thread late;
    grove::run([&] {
        grove::WaitList list;
        late = std::thread{[&list, here = grove::this_runtime()] {
            std::this_thread::sleep_for(20ms);  // longer than the hub needs to see a deadlock
            here.post([&list] { (void)list.notify_one(); });
        }};
        list.wait();
        woken = true;
    });
    late.join();
    CHECK(woken);
}

TEST_CASE("a shielded wait that nothing can end ends the process with the report") {
    const auto end = grove::testing::run_child([] {
        grove::run([] {
            const grove::Shield shield;
            grove::sleep({});
        });
    });
    CHECK(end.signal == SIGABRT);
    CHECK(end.errors.find("every greenlet waits") != std::string::npos);
}

// --- Stop signals --------------------------------------------------------------------------------------

TEST_CASE("SIGTERM unwinds all greenlets, then ends the process by itself") {
    const auto end = grove::testing::run_child([] {
        grove::run([] {
            struct Says {
                const char* what;
                ~Says() { std::fputs(what, stderr); }
            };
            spawn([] {
                const Says says{"other unwound. "};
                grove::sleep({});
            });
            const Says says{"main unwound. "};
            std::fputs("ready. ", stderr);
            ::kill(::getpid(), SIGTERM);
            grove::sleep({});
        });
    });
    CHECK(end.signal == SIGTERM);
    CHECK(end.errors == "ready. main unwound. other unwound. ");
}

TEST_CASE("a stop signal reaches a greenlet that computes with checkpoints") {
    const auto end = grove::testing::run_child([] {
        grove::run([] {
            ::kill(::getpid(), SIGINT);
            for (;;) grove::checkpoint();
        });
    });
    CHECK(end.signal == SIGINT);
}

TEST_CASE("a second signal does not wait for the unwinding") {
    const auto end = grove::testing::run_child([] {
        grove::run([] {
            try {
                ::kill(::getpid(), SIGINT);
                grove::sleep({});
            } catch (const grove::GreenletExit&) {
                ::kill(::getpid(), SIGINT);
                std::fputs("not reached", stderr);
                throw;
            }
        });
    });
    CHECK(end.signal == SIGINT);
    CHECK(end.errors.empty());
}

TEST_CASE("a signal the process ignored stays ignored") {
    const auto end = grove::testing::run_child([] {
        std::signal(SIGINT, SIG_IGN);
        grove::run([] {
            ::kill(::getpid(), SIGINT);
            grove::sleep(1ms);
        });
    });
    CHECK(end.exit_code == 0);
}

// --- Stacks --------------------------------------------------------------------------------------------

namespace {

[[gnu::noinline]] int deep(int n) {
    volatile char room[1024] = {};
    room[static_cast<std::size_t>(n) % 1024] = 1;
    return n == 0 ? 0 : deep(n - 1) + room[0];
}

}  // namespace

TEST_CASE("a greenlet that overflows its stack ends the process with its name, size and spawn site") {
    const auto end = grove::testing::run_child(
        [] { grove::run([] { spawn({.name = "recursive"}, [] { deep(1'000'000); }).join(); }); });
    CHECK(end.signal != 0);
    CHECK(end.errors.find("recursive") != std::string::npos);
    CHECK(end.errors.find("262144") != std::string::npos);
    CHECK(end.errors.find("runtime_test.cpp:") != std::string::npos);
}

// --- Local ---------------------------------------------------------------------------------------------

GROVE_TEST("a Local is each greenlet's own, and ends with it") {
    static int alive = 0;
    struct Counted {
        Counted() { ++alive; }
        ~Counted() { --alive; }
        int value = 0;
    };
    grove::Local<Counted> local;
    local->value = 1;
    auto g = spawn([&] {
        CHECK(local->value == 0);
        local->value = 2;
        grove::yield();
        CHECK(local->value == 2);
        CHECK(alive == 2);
    });
    g.join();
    CHECK(local->value == 1);
    CHECK(alive == 1);
}

GROVE_TEST("a Local that ends first takes its values along") {
    static int alive = 0;
    struct Counted {
        Counted() { ++alive; }
        ~Counted() { --alive; }
    };
    auto local = std::make_unique<grove::Local<Counted>>();
    auto g = spawn([&] {
        (void)**local;
        grove::sleep(10ms);
    });
    grove::yield();
    CHECK(alive == 1);
    local.reset();
    CHECK(alive == 0);
    g.join();
}

TEST_SUITE_END();
