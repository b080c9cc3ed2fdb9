#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/sync/lock.hpp>

#include "support/grove_test.hpp"
#include "sync/blocking_call.hpp"

#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using grove::Condition;
using grove::Deadline;
using grove::Lock;
using grove::spawn;
using Held = std::unique_lock<Lock>;

static_assert(!std::is_copy_constructible_v<Condition> && !std::is_move_constructible_v<Condition>);

TEST_SUITE_BEGIN("sync/condition");

namespace {

struct WaitForCondition {
    bool wait(Deadline by) {
        Held held{lock};
        return condition.wait(held, by);
    }
    void satisfy() { condition.notify_one(); }
    static constexpr bool is_remembered = false;
    Lock lock;
    Condition condition;
};

}  // namespace

GROVE_TEST("waiting for a condition keeps the promises of a blocking call") {
    grove::testing::check_blocking_call<WaitForCondition>();
}

GROVE_TEST("wait lets the lock go, and has it again when notified") {
    Lock lock;
    Condition condition;
    bool changed = false;
    auto waiter = spawn([&] {
        Held held{lock};
        condition.wait(held, [&] { return changed; });
        CHECK(held.owns_lock());
        CHECK_FALSE(spawn([&] { return lock.try_lock(); }).get());
    });
    grove::yield();
    {
        const std::scoped_lock held{lock};  // free: the waiter let it go
        condition.notify_one();             // not true yet
    }
    grove::sleep(1ms);
    CHECK_FALSE(waiter.ready());

    changed = true;
    condition.notify_one();
    waiter.join();
    CHECK(waiter.successful());
}

GROVE_TEST("notify_one wakes the longest waiter, notify_all the others") {
    Lock lock;
    Condition condition;
    std::string order;
    std::vector<grove::Greenlet<>> waiters;
    for (const char name : {'1', '2', '3'}) {
        waiters.push_back(spawn([&, name] {
            Held held{lock};
            condition.wait(held);
            order += name;
        }));
        grove::yield();
    }
    condition.notify_one();
    waiters[0].join();
    CHECK(order == "1");
    condition.notify_all();
    grove::join_all(waiters);
    CHECK(order == "123");
    condition.notify_one();  // nobody waits: nothing
    condition.notify_all();
}

GROVE_TEST("wait with a deadline gives the last value of the predicate") {
    Lock lock;
    Condition condition;
    Held held{lock};
    int asked = 0;
    CHECK_FALSE(condition.wait(held, 5ms, [&] {
        ++asked;
        return false;
    }));
    CHECK(asked == 2);
    CHECK(condition.wait(held, 0ms, [] { return true; }));

    bool late = false;
    auto setter = spawn([&] {
        grove::sleep(5ms);
        late = true;  // without a notification
    });
    CHECK(condition.wait(held, 10ms, [&] { return late; }));
    setter.join();
}

GROVE_TEST("a wait that is killed has the lock again when it leaves") {
    Lock lock;
    Condition condition;
    bool had_lock = false;
    auto waiter = spawn([&] {
        Held held{lock};
        try {
            condition.wait(held);
        } catch (const grove::GreenletExit&) {
            const grove::Shield shield;
            had_lock = held.owns_lock() && !spawn([&] { return lock.try_lock(); }).get();
            throw;
        }
    });
    grove::yield();
    lock.lock();  // somebody else has it when the kill comes
    waiter.kill();
    CHECK_FALSE(waiter.join(10ms));
    lock.unlock();
    waiter.join();
    CHECK(had_lock);
    CHECK(lock.try_lock());
    lock.unlock();
}

GROVE_TEST("who was notified has the lock before anyone who comes later") {
    Lock lock;
    Condition condition;
    std::string order;
    auto wait_as = [&](char name) {
        Held held{lock};
        condition.wait(held);
        order += name;
    };
    auto first = spawn(wait_as, '1');
    grove::yield();
    auto second = spawn(wait_as, '2');
    grove::yield();

    condition.notify_one();  // the lock is free: it goes to the waiter at once
    CHECK_FALSE(lock.try_lock());
    first.join();

    lock.lock();
    condition.notify_all();
    auto newcomer = spawn([&] {
        const std::scoped_lock held{lock};
        order += 'n';
    });
    grove::yield();
    lock.unlock();
    second.join();
    newcomer.join();
    CHECK(order == "12n");
}

GROVE_TEST("who was notified but cannot have the lock yet is not lost to a kill, nor to its deadline") {
    Lock lock;
    Condition condition;
    bool got_it = false;
    auto killed = spawn([&] {
        Held held{lock};
        condition.wait(held);
        got_it = true;
        grove::sleep({});
    });
    auto late = spawn([&] {
        Held held{lock};
        return condition.wait(held, 5ms);
    });
    grove::yield();
    lock.lock();
    condition.notify_all();
    killed.kill();
    grove::sleep(10ms);
    CHECK_FALSE(got_it);
    CHECK_FALSE(late.ready());
    lock.unlock();
    killed.join();
    CHECK(got_it);
    CHECK(killed.killed());
    CHECK(late.get());
}

GROVE_TEST("who was notified keeps its place for the lock when its deadline passes") {
    Lock lock;
    Condition condition;
    std::string order;
    auto waiter = spawn([&] {
        Held held{lock};
        CHECK(condition.wait(held, 5ms));
        order += "waiter ";
    });
    grove::yield();
    lock.lock();
    condition.notify_all();
    grove::sleep(10ms);
    auto newcomer = spawn([&] {
        const Held held{lock};
        order += "newcomer";
    });
    grove::yield();
    lock.unlock();
    waiter.join();
    newcomer.join();
    CHECK(order == "waiter newcomer");
}

GROVE_TEST("a wait that runs out of time waits for the lock all the same") {
    Lock lock;
    Condition condition;
    auto waiter = spawn([&] {
        Held held{lock};
        CHECK_FALSE(condition.wait(held, 5ms));
        CHECK(held.owns_lock());
    });
    grove::yield();
    const auto start = grove::now();
    lock.lock();
    grove::sleep(20ms);
    CHECK_FALSE(waiter.ready());
    lock.unlock();
    waiter.join();
    CHECK(grove::now() - start == 20ms);
}

GROVE_TEST("a notification for a waiter killed first goes to the next") {
    Lock lock;
    Condition condition;
    int woken = 0;
    auto wait = [&] {
        Held held{lock};
        condition.wait(held);
        ++woken;
    };
    auto first = spawn(wait);
    grove::yield();
    auto second = spawn(wait);
    grove::yield();

    first.kill();
    condition.notify_one();
    second.join();
    first.join();

    CHECK(woken == 1);
    CHECK(first.killed());
}

GROVE_TEST("an expired scope leaves the wait with the lock held") {
    Lock lock;
    Condition condition;
    Held held{lock};
    CHECK_FALSE(grove::try_with_timeout(5ms, [&] { condition.wait(held); }));
    CHECK(held.owns_lock());
    CHECK_FALSE(spawn([&] { return lock.try_lock(); }).get());
}

GROVE_TEST_REAL("a native thread cannot wait for a condition, and keeps its lock") {
    Condition condition;
    grove::offload([&] {
        const std::scoped_lock gil{grove::gil()};
        Lock lock;
        Held held{lock};
        CHECK_THROWS_AS(condition.wait(held), std::logic_error);
        CHECK(held.owns_lock());
    });
}

TEST_SUITE_END();
