#include <grove/core/gil.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/event.hpp>
#include <grove/sync/lock.hpp>

#include "support/grove_test.hpp"
#include "sync/blocking_call.hpp"
#include "sync/lockable.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using grove::Deadline;
using grove::Lock;
using grove::RLock;
using grove::spawn;

static_assert(grove::testing::TimedLockable<Lock> && grove::testing::TimedLockable<RLock>);
static_assert(!std::is_copy_constructible_v<Lock> && !std::is_move_constructible_v<Lock>);
static_assert(!std::is_copy_constructible_v<RLock> && !std::is_move_constructible_v<RLock>);

TEST_SUITE_BEGIN("sync/lock");

namespace {

/// Held by main, which gives it to one waiter; that gives it on at once.
template <class Mutex>
struct LockHeldByMain {
    LockHeldByMain() { lock.lock(); }
    ~LockHeldByMain() {
        if (held) lock.unlock();
    }
    bool wait(Deadline by) {
        if (!lock.try_lock_until(by.at())) return false;
        lock.unlock();
        return true;
    }
    void satisfy() {
        held = false;
        lock.unlock();
    }
    static constexpr bool is_remembered = true;
    Mutex lock;
    bool held = true;
};

}  // namespace

TEST_CASE_TEMPLATE_DEFINE("locks of both kinds", Mutex, both_kinds) {
    grove::run([] {
        Mutex lock;
        {
            const std::scoped_lock held{lock};
            spawn([&] { CHECK_FALSE(lock.try_lock()); }).join();
        }
        std::unique_lock held{lock, 1ms};
        CHECK(held.owns_lock());
        held.unlock();
        CHECK(held.try_lock_for(std::chrono::hours::max()));
        held.unlock();
        CHECK(held.try_lock_until(std::chrono::system_clock::now() + 1h));
        held.unlock();
        CHECK(held.try_lock_until(grove::Clock::time_point::min()));  // free: it need not wait
    });
}
TEST_CASE_TEMPLATE_INVOKE(both_kinds, Lock, RLock);

GROVE_TEST("locking keeps the promises of a blocking call") {
    grove::testing::check_blocking_call<LockHeldByMain<Lock>>();
    grove::testing::check_blocking_call<LockHeldByMain<RLock>>();
}

GROVE_TEST("one at a time holds a lock") {
    Lock lock;
    int inside = 0;
    int most = 0;
    std::vector<grove::Greenlet<>> greenlets;
    for (int i = 0; i < 10; ++i) {
        greenlets.push_back(spawn([&] {
            const std::scoped_lock held{lock};
            most = std::max(most, ++inside);
            grove::sleep(1ms);
            --inside;
        }));
    }
    const auto start = grove::now();
    grove::join_all(greenlets);
    CHECK(most == 1);
    CHECK(grove::now() - start == 10ms);
}

GROVE_TEST("unlock hands over to the longest waiter, and no newcomer overtakes it") {
    Lock lock;
    lock.lock();
    std::string order;
    std::vector<grove::Greenlet<>> waiters;
    for (const char name : {'1', '2', '3'}) {
        waiters.push_back(spawn([&, name] {
            const std::scoped_lock held{lock};
            order += name;
        }));
        grove::yield();
    }

    lock.unlock();

    CHECK_FALSE(lock.try_lock());
    CHECK_FALSE(lock.try_lock_for(0ms));
    grove::join_all(waiters);
    CHECK(order == "123");
}

GROVE_TEST("a time point of another clock is understood, however far") {
    Lock lock;
    lock.lock();
    auto other = spawn([&] {
        CHECK_FALSE(lock.try_lock_until(std::chrono::system_clock::now() - 1s));
        CHECK_FALSE(lock.try_lock_until(std::chrono::system_clock::time_point::min()));
        CHECK_FALSE(lock.try_lock_until(std::chrono::system_clock::now() + 1s));
        using Hours = std::chrono::time_point<grove::Clock, std::chrono::hours>;
        CHECK_FALSE(lock.try_lock_until(Hours::min()));
        CHECK(lock.try_lock_until(Hours::max()));
        lock.unlock();
    });
    grove::sleep(1min);
    lock.unlock();
    other.join();
}

GROVE_TEST_REAL("a native thread under the Gil locks without waiting, and owns what it locks") {
    Lock lock;
    RLock again;
    lock.lock();
    grove::Event thread_has_it;
    std::atomic<bool> looked{false};
    auto thread = spawn([&] {
        grove::offload([&] {
            std::unique_lock held{grove::gil()};
            CHECK_FALSE(lock.try_lock());
            CHECK_THROWS_AS(lock.lock(), std::logic_error);  // it would have to wait
            CHECK(again.try_lock());
            CHECK(again.try_lock());
            CHECK(again.owned());
            thread_has_it.set();
            held.unlock();
            while (!looked) std::this_thread::sleep_for(1ms);
            held.lock();
            again.unlock();
            again.unlock();
        });
    });
    CHECK(thread_has_it.wait(5s));
    CHECK_FALSE(again.owned());
    CHECK_FALSE(again.try_lock());
    auto next = spawn([&] {
        const std::scoped_lock held{again};
        CHECK(again.owned());
    });
    looked = true;
    thread.join();
    next.join();
    CHECK(again.depth() == 0);
    lock.unlock();
}

// --- RLock ------------------------------------------------------------------------------------

GROVE_TEST("an RLock is locked again by its owner alone, and unlocked as often") {
    RLock lock;
    CHECK(lock.depth() == 0);
    lock.lock();
    CHECK(lock.try_lock());
    CHECK(lock.try_lock_for(0ms));
    CHECK(lock.try_lock_until(grove::now()));
    CHECK(lock.owned());
    CHECK(lock.depth() == 4);

    auto other = spawn([&] {
        CHECK_FALSE(lock.owned());
        CHECK_FALSE(lock.try_lock());
        lock.lock();
        CHECK(lock.depth() == 1);
        lock.unlock();
    });
    grove::yield();
    for (int i = 0; i < 3; ++i) lock.unlock();
    CHECK(lock.depth() == 1);
    CHECK_FALSE(other.join(1ms));

    lock.unlock();
    CHECK_FALSE(lock.owned());
    CHECK(lock.depth() == 1);  // it is the other's already
    CHECK_FALSE(lock.try_lock());
    other.join();
    CHECK(lock.depth() == 0);
}

TEST_SUITE_END();
