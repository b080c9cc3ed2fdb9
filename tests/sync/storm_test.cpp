// Kills and time-outs at every moment, over every primitive: no permit, no item, no wake-up is lost or
// doubled.

#include "sync/storm.hpp"

#include <grove/sync/barrier.hpp>
#include <grove/sync/event.hpp>
#include <grove/sync/group.hpp>
#include <grove/sync/lock.hpp>
#include <grove/sync/queue.hpp>
#include <grove/sync/rw_lock.hpp>
#include <grove/sync/select.hpp>
#include <grove/sync/semaphore.hpp>

#include "support/grove_test.hpp"

#include <algorithm>
#include <concepts>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

using grove::testing::Dice;
using grove::testing::storm;

TEST_SUITE_BEGIN("sync/storm");

namespace {

/// Counts who is inside, and remembers whether it was ever too many.
struct Room {
    struct Visit {
        explicit Visit(Room& r) : room{r} { room.too_many |= ++room.inside > room.limit; }
        ~Visit() { --room.inside; }
        Visit(const Visit&) = delete;
        Visit& operator=(const Visit&) = delete;
        Room& room;
    };
    int limit = 1;
    int inside = 0;
    bool too_many = false;

    [[nodiscard]] bool is_whole() const { return inside == 0 && !too_many; }
};

// --- who holds what ---------------------------------------------------------------------------

struct SemaphoreStorm {
    void step(Dice& dice) {
        bool got_it = false;
        switch (dice.roll(3)) {
            case 0:
                got_it = permits.try_acquire();
                break;
            case 1:
                got_it = permits.acquire(dice.moment());
                break;
            default:
                permits.acquire();
                got_it = true;
        }
        if (!got_it) return;
        const struct Release {
            ~Release() { permits.release(); }
            grove::Semaphore& permits;
        } release{permits};
        const Room::Visit visit{room};
        dice.pause();
    }
    [[nodiscard]] bool is_whole() const { return room.is_whole() && permits.available() == 5; }

    grove::Semaphore permits{5};
    Room room{.limit = 5};
};

template <class Mutex>
struct LockStorm {
    void step(Dice& dice) {
        std::unique_lock held{lock, std::defer_lock};
        switch (dice.roll(3)) {
            case 0:
                (void)held.try_lock();
                break;
            case 1:
                (void)held.try_lock_for(dice.moment());
                break;
            default:
                held.lock();
        }
        if (!held) return;
        const Room::Visit visit{room};
        dice.pause();
    }
    [[nodiscard]] bool is_whole() {
        const std::unique_lock held{lock, std::try_to_lock};
        return room.is_whole() && held.owns_lock();
    }

    Mutex lock;
    Room room;
};

struct RWLockStorm {
    void step(Dice& dice) {
        if (dice.one_in(4)) {
            std::unique_lock held{lock, dice.moment()};
            if (!held) return;
            const Room::Visit visit{writers};
            mixed |= readers > 0;
            dice.pause();
        } else {
            const std::shared_lock held{lock};
            const struct Count {
                explicit Count(int& r) : readers{r} { ++readers; }
                ~Count() { --readers; }
                int& readers;
            } count{readers};
            mixed |= writers.inside > 0;
            dice.pause();
        }
    }
    [[nodiscard]] bool is_whole() {
        const std::unique_lock held{lock, std::try_to_lock};
        return writers.is_whole() && !mixed && held.owns_lock();
    }

    grove::RWLock lock;
    Room writers;
    int readers = 0;
    bool mixed = false;
};

/// Tokens, made and taken under a lock.
struct ConditionStorm {
    void step(Dice& dice) {
        std::unique_lock held{lock};
        const Room::Visit visit{room};
        if (dice.one_in(2)) {
            ++made;
            ++tokens;
            changed.notify_one();
            dice.pause();
            return;
        }
        --room.inside;  // while it waits
        const struct BackInside {
            ~BackInside() { ++room.inside; }
            Room& room;
        } back_inside{room};
        if (changed.wait(held, dice.moment(), [&] { return tokens > 0; })) {
            --tokens;
            ++taken;
        }
    }
    [[nodiscard]] bool is_whole() {
        const std::unique_lock held{lock, std::try_to_lock};
        return room.is_whole() && held.owns_lock() && made == taken + tokens;
    }

    grove::Lock lock;
    grove::Condition changed;
    Room room;
    int tokens = 0;
    int made = 0;
    int taken = 0;
};

// --- items ------------------------------------------------------------------------------------

/// Every item is put once and taken once, or still there.
template <class Queue>
struct QueueStorm {
    void step(Dice& dice) {
        if (dice.one_in(2)) {
            put(dice);
        } else {
            take(dice);
        }
    }
    void put(Dice& dice) {
        const std::size_t name = balance.size();
        balance.push_back(0);
        auto item = std::make_unique<std::size_t>(name);
        bool is_in = false;
        switch (dice.roll(3)) {
            case 0:
                is_in = queue.put_nowait(std::move(item));
                break;
            case 1:
                is_in = queue.put(std::move(item), dice.moment());
                break;
            default:
                queue.put(std::move(item));
                is_in = true;
        }
        if (is_in) ++balance[name];
        if (!is_in && !item) throw std::logic_error{"a refused item is gone"};
    }
    void take(Dice& dice) {
        std::optional<std::unique_ptr<std::size_t>> item;
        switch (dice.roll(3)) {
            case 0:
                item = queue.get_nowait();
                break;
            case 1:
                item = queue.get(dice.moment());
                break;
            default:
                item = queue.get();
        }
        if (item) --balance[**item];
    }
    [[nodiscard]] bool is_whole() {
        while (auto item = queue.get_nowait()) --balance[**item];
        return std::ranges::count(balance, 0) == std::ssize(balance);
    }

    Queue queue = make<Queue>();
    std::vector<int> balance;

private:
    template <class Q>
    static Q make() {
        if constexpr (std::constructible_from<Q, int>) {
            return Q(3);
        } else {
            return Q();
        }
    }
};

using Item = std::unique_ptr<std::size_t>;

// --- meetings ---------------------------------------------------------------------------------

struct EventStorm {
    void step(Dice& dice) {
        switch (dice.roll(4)) {
            case 0:
                return event.set();
            case 1:
                return event.clear();
            case 2:
                return event.wait();
            default:
                (void)event.wait(dice.moment());
        }
    }
    [[nodiscard]] static bool is_whole() { return true; }

    grove::Event event;
};

/// Whoever gets something out of a result gets what was set last.
struct ResultStorm {
    void step(Dice& dice) {
        switch (dice.roll(4)) {
            case 0:
                return result.set(++last);
            case 1:
                wrong |= result.get() != last;
                return;
            default:
                if (result.wait(dice.moment())) wrong |= result.get() != last;
        }
    }
    [[nodiscard]] bool is_whole() const { return !wrong; }

    grove::AsyncResult<int> result;
    int last = 0;
    bool wrong = false;
};

/// Items, permits and room, and in each step one of them or none.
struct SelectStorm {
    void step(Dice& dice) {
        switch (dice.roll(4)) {
            case 0:
                return put(dice);
            case 1:
                return items.step(dice);
            case 2:
                return permits.step(dice);
            default:
                return take(dice);
        }
    }
    void put(Dice& dice) {
        const std::size_t name = items.balance.size();
        items.balance.push_back(0);
        auto item = std::make_unique<std::size_t>(name);
        grove::select(grove::on_put(items.queue, std::move(item), [&] { ++items.balance[name]; }),
                      grove::on_put(channel.queue, std::make_unique<std::size_t>(0)),
                      grove::on_set(never),
                      grove::on_time(dice.moment()));
    }
    void take(Dice& dice) {
        const auto release = [&] {
            const struct Release {
                ~Release() { permits.release(); }
                grove::Semaphore& permits;
            } held{permits.permits};
            const Room::Visit visit{permits.room};
            dice.pause();
        };
        grove::select(grove::on_get(items.queue, [&](const Item& item) { --items.balance[*item]; }),
                      grove::on_get(channel.queue, [](const Item&) {}),
                      grove::on_acquire(permits.permits, release),
                      grove::on_time(dice.moment()));
    }
    [[nodiscard]] bool is_whole() {
        return items.is_whole() && permits.is_whole() && !channel.queue.get_nowait();
    }

    QueueStorm<grove::Queue<Item>> items;
    QueueStorm<grove::Channel<Item>> channel;
    SemaphoreStorm permits;
    grove::Event never;
};

/// Every child ends once, and tells each link of it.
struct GreenletStorm {
    void step(Dice& dice) {
        auto child = grove::spawn([&dice] { dice.pause(); });
        ++spawned;
        child.link([this](const grove::GreenletRef&) { ++told; });
        if (dice.one_in(3)) child.kill();
        if (dice.one_in(3)) child.kill(std::make_exception_ptr(std::runtime_error{"on purpose"}));
        if (dice.one_in(2)) {
            (void)child.join(dice.moment());
        } else {
            child.join();
        }
    }
    [[nodiscard]] bool is_whole() const {
        grove::sleep(std::chrono::seconds{1});
        return told == spawned;
    }

    int spawned = 0;
    int told = 0;
};

/// All parties pass together.
struct BarrierStorm {
    void step(Dice& dice) {
        try {
            if (dice.one_in(20)) barrier.reset();
            const std::size_t index = dice.one_in(2) ? barrier.wait() : barrier.wait(dice.moment());
            passed[index]++;
        } catch (const grove::BrokenBarrier&) {
            if (dice.one_in(2)) barrier.reset();
        }
    }
    [[nodiscard]] bool is_whole() {
        barrier.abort();
        return passed == std::vector(3, acted);
    }

    std::vector<int> passed = std::vector<int>(3);
    int acted = 0;
    grove::Barrier barrier{3, [this] { ++acted; }};
};

// --- groups -----------------------------------------------------------------------------------

struct PoolStorm {
    void step(Dice& dice) {
        auto visit = [this, &dice] {
            const Room::Visit inside{room};
            dice.pause();
            return 1;
        };
        const auto visit_as_mapped = [&](int) { return visit(); };
        switch (dice.roll(6)) {
            case 0:
                (void)pool.try_spawn(dice.moment(), visit);
                return;
            case 1:
                (void)pool.spawn(visit).join(dice.moment());
                return;
            case 2:
                return unless_killed([&] { (void)pool.map(std::vector{1, 2}, visit_as_mapped); });
            case 3:
                return unless_killed([&] { (void)pool.imap(std::vector{1, 2, 3}, visit_as_mapped).next(); });
            case 4:
                pool.wait_available();
                if (dice.one_in(10)) pool.kill();
                return;
            default:
                (void)pool.join(dice.moment());
        }
    }
    static void unless_killed(auto map) {
        try {
            map();
        } catch (const std::system_error& error) {
            if (error.code() != grove::Errc::killed) throw;
        }
    }
    [[nodiscard]] bool is_whole() {
        pool.join();
        return room.is_whole() && pool.free_count() == 5;
    }

    Room room{.limit = 5};
    grove::Pool pool{5};
};

struct TaskGroupStorm {
    void step(Dice& dice) {
        grove::TaskGroup group;
        for (int tasks = dice.roll(4); tasks > 0; --tasks) {
            group.spawn([&] {
                const Room::Visit inside{room};
                dice.pause();
                if (dice.one_in(4)) throw std::runtime_error{"a task fails"};
                dice.pause();
            });
        }
        dice.pause();
        try {
            group.join();
        } catch (const std::runtime_error&) {
            ++failures;
        }
    }
    [[nodiscard]] bool is_whole() const { return room.is_whole() && failures > 0; }

    Room room{.limit = 1'000'000};
    int failures = 0;
};

}  // namespace

GROVE_TEST("semaphores") {
    storm<SemaphoreStorm>();
}
GROVE_TEST("locks") {
    storm<LockStorm<grove::Lock>>();
}
GROVE_TEST("recursive locks") {
    storm<LockStorm<grove::RLock>>();
}
GROVE_TEST("reader-writer locks") {
    storm<RWLockStorm>();
}
GROVE_TEST("conditions") {
    storm<ConditionStorm>();
}
GROVE_TEST("queues") {
    storm<QueueStorm<grove::Queue<Item>>>();
}
GROVE_TEST("LIFO queues") {
    storm<QueueStorm<grove::LifoQueue<Item>>>();
}
GROVE_TEST("priority queues") {
    storm<QueueStorm<grove::PriorityQueue<Item>>>();
}
GROVE_TEST("channels") {
    storm<QueueStorm<grove::Channel<Item>>>();
}
GROVE_TEST("events") {
    storm<EventStorm>();
}
GROVE_TEST("results") {
    storm<ResultStorm>();
}
GROVE_TEST("selects") {
    storm<SelectStorm>();
}
GROVE_TEST("greenlets") {
    storm<GreenletStorm>();
}
GROVE_TEST("barriers") {
    storm<BarrierStorm>();
}
GROVE_TEST("pools") {
    storm<PoolStorm>();
}
GROVE_TEST("task groups") {
    storm<TaskGroupStorm>();
}

TEST_SUITE_END();
