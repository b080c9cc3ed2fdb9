#include <grove/core/gil.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/queue.hpp>

#include "support/grove_test.hpp"
#include "sync/blocking_call.hpp"

#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using grove::Deadline;
using grove::LifoQueue;
using grove::PriorityQueue;
using grove::Queue;
using grove::ShutDown;
using grove::spawn;

static_assert(!std::is_copy_constructible_v<Queue<int>> && !std::is_move_constructible_v<Queue<int>>);
static_assert(std::input_iterator<Queue<std::unique_ptr<int>>::Iterator>);
static_assert(std::ranges::input_range<Queue<int>>);

TEST_SUITE_BEGIN("sync/queue");

namespace {

struct GetFromEmpty {
    bool wait(Deadline by) { return queue.get(by).has_value(); }
    void satisfy() { queue.put(1); }
    static constexpr bool is_remembered = true;
    Queue<int> queue;
};

struct PutIntoFull {
    PutIntoFull() { queue.put(1); }
    bool wait(Deadline by) { return queue.put(2, by); }
    void satisfy() { CHECK(queue.get_nowait()); }
    static constexpr bool is_remembered = true;
    Queue<int> queue{1};
};

struct JoinUnfinished {
    JoinUnfinished() { queue.put(1); }
    bool wait(Deadline by) { return queue.join(by); }
    void satisfy() {
        if (queue.unfinished_tasks() > 0) queue.task_done();
    }
    static constexpr bool is_remembered = true;
    Queue<int> queue;
};

std::string drain(auto& queue) {
    std::string items;
    while (auto item = queue.get_nowait()) items += std::to_string(*item);
    return items;
}

}  // namespace

GROVE_TEST("get keeps the promises of a blocking call") {
    grove::testing::check_blocking_call<GetFromEmpty>();
}
GROVE_TEST("put keeps the promises of a blocking call") {
    grove::testing::check_blocking_call<PutIntoFull>();
}
GROVE_TEST("join keeps the promises of a blocking call") {
    grove::testing::check_blocking_call<JoinUnfinished>();
}

// --- order ------------------------------------------------------------------------------------

GROVE_TEST("a queue gives the first first, a LIFO queue the last, a priority queue the least") {
    Queue<int> fifo;
    LifoQueue<int> lifo;
    PriorityQueue<int> least;
    PriorityQueue<int, std::greater<>> greatest;
    for (const int item : {3, 1, 4, 1, 5, 9, 2, 6}) {
        fifo.put(item);
        lifo.put(item);
        least.put(item);
        greatest.put(item);
    }
    CHECK(*fifo.peek() == 3);
    CHECK(*lifo.peek() == 6);
    CHECK(*least.peek() == 1);
    CHECK(*greatest.peek() == 9);
    CHECK(drain(fifo) == "31415926");
    CHECK(drain(lifo) == "62951413");
    CHECK(drain(least) == "11234569");
    CHECK(drain(greatest) == "96543211");
    CHECK(fifo.peek() == nullptr);
    CHECK(least.peek() == nullptr);
}

GROVE_TEST("equals leave a priority queue in the order they came") {
    struct ByTens {
        bool operator()(int a, int b) const { return a / 10 < b / 10; }
    };
    PriorityQueue<int, ByTens> queue;
    for (int round = 0; round < 10; ++round) {
        for (const int tens : {30, 10, 20}) queue.put(tens + round);
    }
    for (const int tens : {10, 20, 30}) {
        for (int round = 0; round < 10; ++round) CHECK(queue.get() == tens + round);
    }
}

GROVE_TEST("the size and its limit") {
    Queue<int> unlimited;
    CHECK(unlimited.maxsize() == 0);
    CHECK(unlimited.empty());
    for (int i = 0; i < 1000; ++i) unlimited.put(i);
    CHECK(unlimited.qsize() == 1000);
    CHECK_FALSE(unlimited.full());

    Queue<int> queue{2};
    CHECK(queue.maxsize() == 2);
    CHECK(queue.put_nowait(1));
    CHECK(queue.put(2, 0ms));
    CHECK(queue.full());
    CHECK_FALSE(queue.put_nowait(3));
    CHECK_FALSE(queue.put(3, 1ms));
    CHECK(queue.qsize() == 2);
    CHECK(queue.get() == 1);
    CHECK_FALSE(queue.full());
    CHECK(queue.get(0ms) == 2);
    CHECK_FALSE(queue.get_nowait());
    CHECK_FALSE(queue.get(1ms));
}

// --- hand-over --------------------------------------------------------------------------------

GROVE_TEST("items go to getters in the order those came") {
    Queue<int> queue;
    std::vector<grove::Greenlet<int>> getters;
    for (int i = 0; i < 3; ++i) {
        getters.push_back(spawn([&] { return queue.get(); }));
        grove::yield();
    }
    for (int i = 0; i < 4; ++i) queue.put(i);
    CHECK(queue.qsize() == 1);  // three are the getters' already
    for (int i = 0; i < 3; ++i) CHECK(getters[i].get() == i);
}

GROVE_TEST("an item handed over cannot be taken by a newcomer") {
    Queue<int> queue;
    auto getter = spawn([&] { return queue.get(); });
    grove::yield();
    queue.put(1);
    CHECK(queue.empty());
    CHECK_FALSE(queue.get_nowait());
    CHECK(getter.get() == 1);
}

GROVE_TEST("a waiting putter's item moves in when there is room, before any newcomer's") {
    Queue<int> queue{1};
    queue.put(1);
    std::vector<grove::Greenlet<>> putters;
    for (const int item : {2, 3}) {
        putters.push_back(spawn([&, item] { queue.put(item); }));
        grove::yield();
    }
    CHECK(queue.get() == 1);
    CHECK_FALSE(queue.put_nowait(4));
    CHECK(*queue.peek() == 2);
    CHECK(queue.get() == 2);
    CHECK(queue.get() == 3);
    CHECK_FALSE(queue.get_nowait());
    grove::join_all(putters);
}

GROVE_TEST("an item handed to a getter killed in the same turn is not lost") {
    Queue<int> queue;
    int got = 0;
    auto getter = spawn([&] { got = queue.get(); });
    grove::yield();
    queue.put(7);
    getter.kill();
    getter.join();
    CHECK(got == 7);
}

GROVE_TEST("a putter killed while it waits puts nothing") {
    Queue<int> queue{1};
    queue.put(1);
    auto putter = spawn([&] { queue.put(2); });
    grove::yield();
    putter.kill();
    CHECK(queue.get() == 1);
    CHECK(queue.empty());
    putter.join();
    CHECK(queue.unfinished_tasks() == 1);
}

GROVE_TEST("a limited queue carries a stream in order") {
    Queue<int> queue{3};
    auto producer = spawn([&] {
        for (int i = 0; i < 1000; ++i) queue.put(i);
        queue.shutdown();
    });
    int expected = 0;
    for (const int item : queue) CHECK(item == expected++);
    CHECK(expected == 1000);
    producer.join();
}

// --- shutdown ---------------------------------------------------------------------------------

GROVE_TEST("after shutdown nothing goes in, and what is there comes out") {
    Queue<int> queue{2};
    CHECK_FALSE(queue.is_shutdown());
    queue.put(1);
    queue.put(2);
    auto putter = spawn([&] { queue.put(3); });
    grove::yield();

    queue.shutdown();

    CHECK(queue.is_shutdown());
    CHECK_THROWS_AS(putter.get(), ShutDown);
    CHECK_THROWS_AS(queue.put(4), ShutDown);
    CHECK_THROWS_AS((void)queue.put(4, 1ms), ShutDown);
    CHECK_THROWS_AS((void)queue.put_nowait(4), ShutDown);
    CHECK(queue.get() == 1);
    CHECK(queue.get_nowait() == 2);
    CHECK_THROWS_AS((void)queue.get(), ShutDown);
    CHECK_THROWS_AS((void)queue.get(1ms), ShutDown);
    CHECK_THROWS_AS((void)queue.get_nowait(), ShutDown);
    CHECK(queue.unfinished_tasks() == 2);
    queue.task_done();
    queue.task_done();
    queue.join();
}

GROVE_TEST("shutdown sends waiting getters away") {
    Queue<int> queue;
    auto getter = spawn([&] { return queue.get(); });
    auto patient = spawn([&] { return queue.get(1h).has_value(); });
    grove::yield();
    queue.shutdown();
    CHECK_THROWS_AS((void)getter.get(), ShutDown);
    CHECK_THROWS_AS((void)patient.get(), ShutDown);
}

GROVE_TEST("an immediate shutdown drops what is there and counts it as done") {
    Queue<std::shared_ptr<int>> queue;
    const auto item = std::make_shared<int>(1);
    queue.put(item);
    queue.put(item);
    auto joiner = spawn([&] { queue.join(); });
    grove::yield();

    queue.shutdown(true);

    CHECK(item.use_count() == 1);
    CHECK(queue.empty());
    CHECK(queue.unfinished_tasks() == 0);
    joiner.join();
    CHECK_THROWS_AS((void)queue.get(), ShutDown);
    CHECK_THROWS_AS(queue.task_done(), std::logic_error);
}

GROVE_TEST("an immediate shutdown leaves the tasks that were taken") {
    Queue<int> queue;
    queue.put(1);
    queue.put(2);
    CHECK(queue.get() == 1);
    queue.shutdown();
    queue.shutdown(true);   // escalates
    queue.shutdown(false);  // changes nothing
    CHECK(queue.is_shutdown());
    CHECK(queue.unfinished_tasks() == 1);
    CHECK_FALSE(queue.join(1ms));
    queue.task_done();
    CHECK(queue.join(0ms));
}

// --- tasks and iteration ----------------------------------------------------------------------

GROVE_TEST("join waits until each item put has been dealt with") {
    Queue<int> queue;
    queue.join();
    CHECK_THROWS_AS(queue.task_done(), std::logic_error);
    for (int i = 0; i < 3; ++i) queue.put(i);
    int done = 0;
    auto worker = spawn([&] {
        for ([[maybe_unused]] const int item : queue) {
            grove::sleep(1ms);
            ++done;
            queue.task_done();
        }
    });
    queue.join();
    CHECK(done == 3);
    queue.shutdown();
    worker.join();
    CHECK(worker.successful());
}

GROVE_TEST("iteration takes items until the queue is shut down and empty") {
    Queue<std::unique_ptr<int>> queue;
    std::string items;
    auto reader = spawn([&] {
        for (auto& item : queue) {
            ++*item;  // it is the reader's
            items += std::to_string(*item);
        }
    });
    for (int i = 0; i < 3; ++i) queue.put(std::make_unique<int>(i));
    grove::yield();
    CHECK(items == "123");
    queue.put(std::make_unique<int>(3));
    queue.shutdown();
    reader.join();
    CHECK(items == "1234");
    CHECK(queue.begin() == queue.end());
}

GROVE_TEST("the end of another queue, met in the loop, does not end the iteration quietly") {
    Queue<int> queue;
    Queue<int> other;
    other.shutdown();
    queue.put(1);
    CHECK_THROWS_AS(
        [&] {
            for (const int item : queue) other.put(item);
        }(),
        ShutDown);
}

GROVE_TEST_REAL("a native thread under the Gil puts, takes and shuts down") {
    Queue<std::string> rows{2};
    auto feeder = spawn([&] {
        grove::offload([&] {
            const std::scoped_lock held{grove::gil()};
            CHECK_THROWS_AS((void)rows.get(), std::logic_error);  // it would have to wait
            CHECK(rows.put_nowait("one"));                        // goes to main, which waits
            rows.put("two");
            CHECK(rows.get_nowait() == "two");
            rows.put("three");
            rows.shutdown();
        });
    });
    std::string all;
    grove::with_timeout(5s, [&] {
        for (const auto& row : rows) all += row;
    });
    feeder.join();
    CHECK(all == "onethree");
}

TEST_SUITE_END();
