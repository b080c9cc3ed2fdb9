#include <grove/core/gil.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/semaphore.hpp>

#include "support/grove_test.hpp"
#include "sync/blocking_call.hpp"

#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using grove::BoundedSemaphore;
using grove::Deadline;
using grove::Semaphore;
using grove::spawn;

static_assert(!std::is_copy_constructible_v<Semaphore> && !std::is_move_constructible_v<Semaphore>);
static_assert(!std::is_copy_constructible_v<BoundedSemaphore> &&
              !std::is_move_constructible_v<BoundedSemaphore>);

TEST_SUITE_BEGIN("sync/semaphore");

namespace {

struct Acquire {
    bool wait(Deadline by) { return permits.acquire(by); }
    void satisfy() { permits.release(); }
    static constexpr bool is_remembered = true;
    Semaphore permits{0};
};

}  // namespace

GROVE_TEST("acquire keeps the promises of a blocking call") {
    grove::testing::check_blocking_call<Acquire>();
}

GROVE_TEST("permits are counted down and up") {
    Semaphore permits{2};
    permits.acquire();
    CHECK(permits.try_acquire());
    CHECK_FALSE(permits.try_acquire());
    CHECK(permits.available() == 0);

    permits.release(0);
    CHECK(permits.available() == 0);
    permits.release(3);
    CHECK(permits.available() == 3);
}

GROVE_TEST("released permits go to the longest waiters") {
    Semaphore permits{0};
    std::string order;
    std::vector<grove::Greenlet<>> waiters;
    for (const char name : {'1', '2', '3'}) {
        waiters.push_back(spawn([&, name] {
            permits.acquire();
            order += name;
        }));
        grove::yield();  // this one waits before the next comes
    }

    permits.release();
    waiters[0].join();
    permits.release();
    waiters[1].join();
    permits.release();
    waiters[2].join();

    CHECK(order == "123");
}

GROVE_TEST("a release of many wakes as many and keeps the rest") {
    Semaphore permits{0};
    auto first = spawn([&] { permits.acquire(); });
    auto second = spawn([&] { permits.acquire(); });
    grove::yield();

    permits.release(5);

    CHECK(permits.available() == 3);
    first.join();
    second.join();
}

GROVE_TEST("a newcomer cannot overtake a waiter") {
    Semaphore permits{0};
    auto waiter = spawn([&] { permits.acquire(); });
    grove::yield();

    permits.release();

    CHECK_FALSE(permits.try_acquire());
    waiter.join();
}

GROVE_TEST("a permit handed over is not lost when its taker is killed in the same turn") {
    Semaphore permits{0};
    bool got_it = false;
    auto taker = spawn([&] {
        permits.acquire();
        got_it = true;
    });
    grove::yield();

    permits.release();
    taker.kill();
    taker.join();

    CHECK(got_it);
    CHECK(permits.available() == 0);
}

GROVE_TEST("a permit for a waiter that was killed first stays") {
    Semaphore permits{0};
    auto waiter = spawn([&] { permits.acquire(); });
    grove::yield();

    waiter.kill();
    permits.release();
    waiter.join();

    CHECK(permits.available() == 1);
}

GROVE_TEST("a killed greenlet still gets a permit it need not wait for") {
    Semaphore permits{1};
    bool got_it = false;
    auto greenlet = spawn([&] {
        try {
            grove::sleep({});
        } catch (const grove::GreenletExit&) {
            permits.acquire();
            got_it = true;
            throw;
        }
    });
    grove::yield();
    greenlet.kill();
    greenlet.join();
    CHECK(got_it);
}

GROVE_TEST_REAL("who has no time looks once and does not wait") {
    Semaphore permits{0};
    bool others_ran = false;
    auto other = spawn([&] { others_ran = true; });
    CHECK_FALSE(permits.acquire(0ms));
    CHECK_FALSE(permits.acquire(-1ms));
    CHECK_FALSE(permits.acquire(grove::now()));
    CHECK_FALSE(others_ran);
    other.join();
}

GROVE_TEST_REAL("who has no time does not wait after a long computation either") {
    Semaphore permits{0};
    const auto until = grove::Clock::now() + 30ms;
    while (grove::Clock::now() < until) {
    }
    const grove::NoSwitch forbidden;
    CHECK_FALSE(permits.acquire(0ms));
    CHECK_FALSE(permits.acquire(-1ms));
}

GROVE_TEST_REAL("a native thread under the Gil releases to a waiting greenlet") {
    Semaphore permits{0};
    auto thread = spawn([&] {
        grove::offload([&] {
            const std::scoped_lock held{grove::gil()};
            CHECK_THROWS_AS(permits.acquire(), std::logic_error);  // it would have to wait
            permits.release();
        });
    });
    CHECK(permits.acquire(5s));
    thread.join();
}

GROVE_TEST("a bounded semaphore refuses more permits than it began with") {
    BoundedSemaphore permits{2};
    CHECK_THROWS_AS(permits.release(), std::logic_error);
    CHECK(permits.available() == 2);

    permits.acquire();
    CHECK_THROWS_AS(permits.release(2), std::logic_error);
    CHECK(permits.available() == 1);
    permits.release();
    CHECK(permits.available() == 2);
}

GROVE_TEST("a bounded semaphore hands over as any other") {
    BoundedSemaphore permits{1};
    permits.acquire();
    auto waiter = spawn([&] {
        permits.acquire();
        permits.release();
    });
    grove::yield();
    CHECK_FALSE(permits.acquire(0ms));

    permits.release();
    CHECK_FALSE(permits.try_acquire());
    waiter.join();

    CHECK(permits.try_acquire());
    permits.release();
}

TEST_SUITE_END();
