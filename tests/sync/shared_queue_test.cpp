#include <grove/core/gil.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/shared_queue.hpp>

#include "support/grove_test.hpp"
#include "sync/blocking_call.hpp"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using grove::Deadline;
using grove::SharedQueue;
using grove::spawn;

namespace {

struct GetFromEmpty {
    bool wait(Deadline by) { return queue.get(by).has_value(); }
    void satisfy() { queue.put(1); }
    SharedQueue<int> queue;
};

struct PutIntoFull {
    PutIntoFull() { queue.put(0); }
    bool wait(Deadline by) { return queue.put(1, by); }
    void satisfy() { (void)queue.get(); }
    SharedQueue<int> queue{1};
};

/// A runtime on a thread of its own.
template <class F>
std::thread elsewhere(F f) {
    return std::thread{[f = std::move(f)]() mutable { grove::run({.stop_signals = {}}, std::move(f)); }};
}

}  // namespace

// Not all the promises of a blocking call: one who is killed after it was told of an item leaves that to the
// next.
GROVE_TEST("getting and putting keep their deadlines, within those of others") {
    const auto check = [](auto call) {
        spawn([&] { grove::testing::check_deadlines(*call); }).get();
        spawn([&] { grove::testing::check_outer_timeouts(*call); }).get();
        call->satisfy();
        spawn([&] { grove::testing::check_readiness(*call); }).get();
    };
    check(std::make_unique<GetFromEmpty>());
    check(std::make_unique<PutIntoFull>());
}

GROVE_TEST("without waiting it is a queue like others") {
    SharedQueue<std::unique_ptr<int>> queue{2};
    CHECK(queue.empty());
    CHECK(queue.maxsize() == 2);
    CHECK_FALSE(queue.get_nowait());
    queue.put(std::make_unique<int>(1));
    CHECK(queue.put_nowait(std::make_unique<int>(2)));
    CHECK(queue.full());
    auto third = std::make_unique<int>(3);
    CHECK_FALSE(queue.put_nowait(std::move(third)));
    CHECK_FALSE(queue.put(std::move(third), 1ms));
    REQUIRE(third);
    CHECK(*queue.get() == 1);
    CHECK(*queue.get_nowait().value() == 2);
    CHECK(queue.qsize() == 0);
}

GROVE_TEST("a newcomer cannot overtake a waiter who was told and has not run yet") {
    SharedQueue<int> queue;
    auto waiter = spawn([&] { return queue.get(); });
    grove::yield();
    queue.put(1);
    CHECK_FALSE(queue.get_nowait());
    CHECK(waiter.get() == 1);
}

GROVE_TEST_FIFO("what was kept for one who is killed goes to the next") {
    SharedQueue<int> queue;
    auto killed = spawn([&] { return queue.get(); });
    auto next = spawn([&] { return queue.get(); });
    grove::yield();
    queue.put(7);
    killed.kill();
    CHECK(next.get() == 7);
    CHECK(killed.killed());
}

GROVE_TEST("after a shutdown putters are refused, getters have what is left") {
    SharedQueue<int> queue{2};
    queue.put(1);
    queue.put(2);
    auto putter = spawn([&] { queue.put(3); });
    grove::yield();
    queue.shutdown();
    CHECK(queue.is_shutdown());
    CHECK_THROWS_AS(putter.get(), grove::ShutDown);
    CHECK_THROWS_AS(queue.put(4), grove::ShutDown);
    CHECK_THROWS_AS((void)queue.put_nowait(4), grove::ShutDown);
    CHECK(queue.get() == 1);
    CHECK(queue.get_nowait() == 2);
    CHECK_THROWS_AS((void)queue.get(), grove::ShutDown);
    CHECK_THROWS_AS((void)queue.get_nowait(), grove::ShutDown);
}

GROVE_TEST_FIFO("an immediate shutdown drops what is there, and everybody leaves") {
    SharedQueue<int> queue;
    auto getter = spawn([&] { return queue.get(); });
    auto another = spawn([&] { return queue.get(); });
    grove::yield();
    queue.put(1);
    queue.shutdown(true);
    CHECK_THROWS_AS(getter.get(), grove::ShutDown);
    CHECK_THROWS_AS(another.get(), grove::ShutDown);
    CHECK(queue.empty());
}

GROVE_TEST_FIFO("an item whose move throws does not keep those who wait behind it") {
    struct Fragile {
        explicit Fragile(bool b) : breaks{b} {}
        Fragile(const Fragile& other) : breaks{other.breaks} {  // a move, too
            if (breaks) throw std::runtime_error{"broken"};
        }
        Fragile& operator=(const Fragile&) = delete;
        ~Fragile() = default;
        bool breaks;
    };
    SharedQueue<Fragile> queue{1};
    queue.put(Fragile{false});
    auto breaking = spawn([&] { (void)queue.put(Fragile{true}, Deadline{}); });
    auto next = spawn([&] { return queue.put(Fragile{false}, Deadline{}); });
    grove::yield();
    (void)queue.get();
    CHECK_THROWS_AS(breaking.get(), std::runtime_error);
    CHECK(next.get());
}

TEST_CASE("two runtimes and a plain thread pass items on, in order, none lost") {
    constexpr int count = 2000;
    SharedQueue<int> first{4};
    SharedQueue<int> second{4};
    auto producer = elsewhere([&] {
        for (int i = 0; i < count; ++i) first.put(i);
        first.shutdown();
    });
    std::thread between{[&] {
        try {
            for (;;) second.put(first.get() * 2);
        } catch (const grove::ShutDown&) {
            second.shutdown();
        }
    }};
    std::vector<int> all;
    grove::run([&] {
        bool others_ran = false;
        auto other = spawn([&] { others_ran = true; });
        for (;;) {
            try {
                all.push_back(second.get());
            } catch (const grove::ShutDown&) {
                break;
            }
        }
        CHECK(others_ran);
    });
    producer.join();
    between.join();
    std::vector<int> expected(count);
    for (int i = 0; i < count; ++i) expected[static_cast<std::size_t>(i)] = 2 * i;
    CHECK(all == expected);
}

TEST_CASE("a storm of kills and time-outs on two runtimes loses and doubles nothing") {
    constexpr int greenlets = 50;
    constexpr int each = 40;
    SharedQueue<int> queue{3};
    std::atomic<long> sum_put{0};
    std::atomic<long> sum_got{0};
    std::thread producer = elsewhere([&] {
        std::vector<grove::Greenlet<>> all;
        for (int g = 0; g < greenlets; ++g) {
            all.push_back(spawn([&, g] {
                for (int i = 0; i < each; ++i) {
                    const int item = g * each + i;
                    if (queue.put(int{item}, 200us)) sum_put += item;
                }
            }));
        }
        grove::join_all(all);
        queue.shutdown();
    });
    grove::run([&] {
        std::vector<grove::Greenlet<>> all;
        for (int g = 0; g < greenlets; ++g) {
            all.push_back(spawn([&] {
                while (!queue.is_shutdown() || !queue.empty()) {
                    (void)grove::try_with_timeout(300us, [&] {
                        try {
                            if (const auto item = queue.get(Deadline{100us})) sum_got += *item;
                        } catch (const grove::ShutDown&) {
                        }
                    });
                    grove::yield();
                }
            }));
        }
        for (int g = 0; g < greenlets; g += 5) all[static_cast<std::size_t>(g)].kill();
        grove::join_all(all);
    });
    producer.join();
    CHECK(sum_put > 0);
    CHECK(sum_got == sum_put);
}

GROVE_TEST("an item whose waiter was told of it stays his when the queue is shut down") {
    SharedQueue<int> queue;
    auto waiter = spawn([&] { return queue.get(); });
    grove::yield();
    queue.put(1);
    queue.shutdown();
    CHECK_THROWS_AS((void)queue.get_nowait(), grove::ShutDown);
    CHECK_THROWS_AS((void)queue.get(), grove::ShutDown);
    CHECK(waiter.get() == 1);
}

GROVE_TEST_REAL("a thread that waits lets go of the Gil it holds") {
    SharedQueue<int> queue;
    int got = 0;
    std::thread thread{[&, here = grove::this_runtime()] {
        const std::scoped_lock held{here.gil()};
        got = queue.get();  // under the Gil again
    }};
    grove::sleep(1ms);  // gives the Gil away
    queue.put(5);
    grove::allow_threads([&] { thread.join(); });
    CHECK(got == 5);
}
