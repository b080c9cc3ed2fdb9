#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/rw_lock.hpp>

#include "support/grove_test.hpp"
#include "sync/blocking_call.hpp"
#include "sync/lockable.hpp"

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using grove::Deadline;
using grove::RWLock;
using grove::spawn;

static_assert(grove::testing::TimedLockable<RWLock> && grove::testing::SharedTimedLockable<RWLock>);
static_assert(!std::is_copy_constructible_v<RWLock> && !std::is_move_constructible_v<RWLock>);

TEST_SUITE_BEGIN("sync/rw_lock");

namespace {

/// Main writes; who waits wants to write.
struct WaitToWrite {
    WaitToWrite() { lock.lock(); }
    ~WaitToWrite() {
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
    RWLock lock;
    bool held = true;
};

/// Main writes; who waits wants to read.
struct WaitToRead : WaitToWrite {
    bool wait(Deadline by) {
        if (!lock.try_lock_shared_until(by.at())) return false;
        lock.unlock_shared();
        return true;
    }
};

}  // namespace

GROVE_TEST("locking to write keeps the promises of a blocking call") {
    grove::testing::check_blocking_call<WaitToWrite>();
}

GROVE_TEST("locking to read keeps the promises of a blocking call") {
    grove::testing::check_blocking_call<WaitToRead>();
}

GROVE_TEST("many read at once, one writes alone") {
    RWLock lock;
    int readers = 0;
    int writers = 0;
    int most_readers = 0;
    std::vector<grove::Greenlet<>> greenlets;
    for (int i = 0; i < 12; ++i) {
        greenlets.push_back(spawn([&, writes = i % 4 == 3] {
            if (writes) {
                const std::unique_lock held{lock};
                ++writers;
                CHECK(writers + readers == 1);
                grove::sleep(1ms);
                --writers;
            } else {
                const std::shared_lock held{lock};
                ++readers;
                CHECK(writers == 0);
                most_readers = std::max(most_readers, readers);
                grove::sleep(1ms);
                --readers;
            }
        }));
    }
    grove::join_all(greenlets);
    CHECK(most_readers >= 2);
}

GROVE_TEST("a reader that comes after a waiting writer waits behind it") {
    RWLock lock;
    lock.lock_shared();
    std::string order;
    auto writer = spawn([&] {
        const std::unique_lock held{lock};
        order += 'w';
    });
    grove::yield();
    CHECK_FALSE(lock.try_lock_shared());
    auto reader = spawn([&] {
        const std::shared_lock held{lock};
        order += 'r';
    });
    grove::yield();
    CHECK(order.empty());

    lock.unlock_shared();
    CHECK_FALSE(lock.try_lock());
    writer.join();
    reader.join();
    CHECK(order == "wr");
}

GROVE_TEST("readers that waited behind a writer enter when it gives up") {
    RWLock lock;
    lock.lock_shared();
    auto impatient = spawn([&] { CHECK_FALSE(lock.try_lock_for(5ms)); });
    grove::yield();
    auto first = spawn([&] { CHECK(lock.try_lock_shared_for(10ms)); });
    auto second = spawn([&] { CHECK(lock.try_lock_shared_for(10ms)); });

    impatient.join();
    first.join();
    second.join();
    for (int i = 0; i < 3; ++i) lock.unlock_shared();
    CHECK(lock.try_lock());
    lock.unlock();
}

GROVE_TEST("readers that waited behind a writer enter when it is killed") {
    RWLock lock;
    lock.lock_shared();
    auto writer = spawn([&] { lock.lock(); });
    grove::yield();
    auto reader = spawn([&] { CHECK(lock.try_lock_shared_for(1ms)); });
    grove::yield();
    writer.kill();
    reader.join();
    lock.unlock_shared();
    lock.unlock_shared();
}

TEST_SUITE_END();
