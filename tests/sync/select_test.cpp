#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/sync/select.hpp>

#include "support/grove_test.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using grove::AsyncResult;
using grove::Channel;
using grove::Event;
using grove::on_acquire;
using grove::on_end;
using grove::on_get;
using grove::on_put;
using grove::on_ready;
using grove::on_set;
using grove::on_time;
using grove::Queue;
using grove::select;
using grove::Semaphore;
using grove::spawn;
using grove::try_select;

namespace {

/// A handler for items that are not looked at.
constexpr auto ignore = [](auto&&) {};

}  // namespace

TEST_SUITE_BEGIN("sync/select");

// --- What is ready ----------------------------------------------------------------------------------

GROVE_TEST("each kind of thing that is ready is done at once, without a switch") {
    Queue<int> full{1}, empty{1};
    CHECK(full.put_nowait(7));
    Event event;
    event.set();
    AsyncResult<int> result;
    result.set(8);
    Semaphore permits{1};
    auto ended = spawn([] {});
    ended.join();

    const grove::NoSwitch none;
    int got = 0;
    CHECK(select(on_get(full, [&](int item) { got = item; })) == 0);
    CHECK(got == 7);
    CHECK(full.empty());
    bool put = false;
    CHECK(select(on_put(empty, 9, [&] { put = true; })) == 0);
    CHECK(put);
    CHECK(*empty.peek() == 9);
    CHECK(select(on_set(event)) == 0);
    CHECK(select(on_ready(result, [&] { got = result.get(); })) == 0);
    CHECK(got == 8);
    CHECK(select(on_end(ended)) == 0);
    CHECK(select(on_acquire(permits)) == 0);
    CHECK(permits.available() == 0);
    CHECK(select(on_time(0s)) == 0);
}

GROVE_TEST("of several that are ready exactly one is done, and each has its turn") {
    Queue<int> left, right;
    std::set<std::size_t> chosen;
    for (int round = 0; round < 100; ++round) {
        left.put(1);
        right.put(2);
        chosen.insert(select(on_get(left, ignore), on_get(right, ignore)));
        REQUIRE(left.qsize() + right.qsize() == 1);
        (void)left.get_nowait();
        (void)right.get_nowait();
    }
    CHECK(chosen == std::set<std::size_t>{0, 1});
}

GROVE_TEST("try_select does what is ready, or says that nothing is, and does not switch") {
    Queue<int> queue;
    Event event;
    const grove::NoSwitch none;
    CHECK_FALSE(try_select(on_get(queue, ignore), on_set(event)));
    event.set();
    CHECK(try_select(on_get(queue, ignore), on_set(event)) == 1);
}

// --- What becomes ready -----------------------------------------------------------------------------

GROVE_TEST("an item that is put goes to the select that waits for it") {
    Queue<std::unique_ptr<int>> queue;
    Event event;
    int got = 0;
    auto selecting = spawn([&] {
        return select(on_set(event), on_get(queue, [&](std::unique_ptr<int> item) { got = *item; }));
    });
    grove::sleep(1s);
    queue.put(std::make_unique<int>(5));
    CHECK(queue.empty());  // handed over
    CHECK(selecting.get() == 1);
    CHECK(got == 5);
}

GROVE_TEST("an item waits for room, and is put when there is some") {
    Queue<std::string> queue{1};
    queue.put("first");
    Event event;
    auto selecting = spawn([&] { return select(on_put(queue, std::string{"second"}), on_set(event)); });
    grove::sleep(1s);
    CHECK(queue.get() == "first");
    CHECK(selecting.get() == 0);
    CHECK(queue.get() == "second");
}

GROVE_TEST("each kind of signal ends the wait") {
    Event event;
    AsyncResult<> result;
    Semaphore permits{0};
    auto sleeper = spawn([] { grove::sleep(4s); });
    const auto which = [&] {
        return select(on_set(event), on_ready(result), on_acquire(permits), on_end(sleeper), on_time(10s));
    };
    const auto start = grove::now();
    auto first = spawn(which);
    grove::sleep(1s);
    event.set();
    CHECK(first.get() == 0);
    event.clear();
    auto second = spawn(which);
    grove::sleep(1s);
    permits.release();
    CHECK(second.get() == 2);
    CHECK(permits.available() == 0);
    CHECK(which() == 3);
    CHECK(grove::now() - start == 4s);
    sleeper = spawn([] { grove::sleep({}); });
    auto third = spawn(which);
    grove::sleep(1s);
    result.set_exception(std::make_exception_ptr(std::runtime_error{"late"}));
    CHECK(third.get() == 1);
    sleeper.kill();
}

GROVE_TEST("the earliest point in time ends a wait for nothing else") {
    Event event;
    const auto start = grove::now();
    CHECK(select(on_time(3s), on_set(event), on_time(2s), on_time({})) == 2);
    CHECK(grove::now() - start == 2s);
}

GROVE_TEST("one that nothing wakes is told of in the report") {
    Event event;
    Queue<int> queue;
    CHECK_THROWS_AS(select(on_set(event), on_get(queue, ignore)), grove::WouldBlockForever);
}

// --- Exactly one ------------------------------------------------------------------------------------

GROVE_TEST("what was not chosen is as if nobody had waited") {
    Queue<int> items;
    Queue<std::string> full{1};
    full.put("there");
    Semaphore permits{0};
    Event event;
    std::string unsent = "unsent";
    auto selecting = spawn([&] {
        return select(
            on_get(items, ignore), on_put(full, std::move(unsent)), on_acquire(permits), on_set(event));
    });
    grove::sleep(1s);
    event.set();  // chosen here and now: what comes in the same turn is for others
    items.put(1);
    permits.release();
    CHECK(full.get() == "there");
    CHECK(selecting.get() == 3);
    CHECK(items.qsize() == 1);
    CHECK(permits.available() == 1);
    CHECK(full.empty());
    CHECK(unsent == "unsent");
}

GROVE_TEST("one thing named twice is done once") {
    Queue<int> queue;
    auto selecting = spawn([&] { return select(on_get(queue, ignore), on_get(queue, ignore)); });
    grove::sleep(1s);
    queue.put(1);
    queue.put(2);
    CHECK(selecting.get() == 0);
    CHECK(queue.qsize() == 1);
}

GROVE_TEST_FIFO("it stands in line like everyone else") {
    Semaphore permits{0};
    Event never;
    std::vector<int> order;
    std::vector<grove::Greenlet<>> all;
    all.push_back(spawn([&] { permits.acquire(), order.push_back(0); }));
    all.push_back(spawn([&] { select(on_set(never), on_acquire(permits, [&] { order.push_back(1); })); }));
    all.push_back(spawn([&] { permits.acquire(), order.push_back(2); }));
    grove::sleep(1s);
    permits.release(3);
    grove::join_all(all);
    CHECK(order == std::vector{0, 1, 2});
}

GROVE_TEST("two selects meet on a channel, once") {
    Channel<int> channel;
    Event never;
    int got = 0;
    auto getter =
        spawn([&] { return select(on_set(never), on_get(channel, [&](int item) { got = item; })); });
    grove::sleep(1s);
    CHECK(select(on_put(channel, 3), on_set(never)) == 0);
    CHECK(getter.get() == 1);
    CHECK(got == 3);

    auto putter = spawn([&] { return select(on_put(channel, 4), on_set(never)); });
    grove::sleep(1s);
    CHECK(select(on_set(never), on_get(channel, [&](int item) { got = item; })) == 1);
    CHECK(putter.get() == 0);
    CHECK(got == 4);
}

GROVE_TEST("one that would give to itself on a channel waits for somebody else") {
    Channel<int> channel;
    int got = 0;
    auto both =
        spawn([&] { return select(on_put(channel, 1), on_get(channel, [&](int item) { got = item; })); });
    grove::sleep(1s);
    CHECK_FALSE(both.ready());
    CHECK(channel.put_nowait(2));
    CHECK(both.get() == 1);
    CHECK(got == 2);
    CHECK_FALSE(channel.get_nowait());
}

// --- Kill and Timeout ---------------------------------------------------------------------------------

GROVE_TEST("a kill takes it out of every line") {
    Queue<int> items;
    Semaphore permits{0};
    auto selecting = spawn([&] { select(on_get(items, ignore), on_acquire(permits)); });
    grove::sleep(1s);
    selecting.kill();
    selecting.join();
    CHECK(selecting.killed());
    items.put(1);
    permits.release();
    CHECK(items.qsize() == 1);
    CHECK(permits.available() == 1);
}

GROVE_TEST("killed in the turn it was served, it does what it was given, and dies at its next wait") {
    Queue<int> items;
    Event never;
    int got = 0;
    auto selecting = spawn([&] {
        select(on_set(never), on_get(items, [&](int item) { got = item; }));
        grove::sleep({});
    });
    grove::sleep(1s);
    items.put(6);
    selecting.kill();
    selecting.join();
    CHECK(got == 6);
    CHECK(selecting.killed());
}

GROVE_TEST("an outer time-out is not mistaken for a point in time") {
    Event never;
    const auto start = grove::now();
    CHECK_FALSE(grove::try_with_timeout(1s, [&] { select(on_set(never), on_time(2s)); }));
    CHECK(grove::now() - start == 1s);
}

GROVE_TEST("the handler may block, throw, and be killed") {
    Event event, never;
    event.set();
    CHECK_THROWS_WITH_AS(
        select(on_set(event, [] { throw std::runtime_error{"handler"}; })), "handler", std::runtime_error);
    CHECK(select(on_set(event, [] { grove::sleep(1s); })) == 0);
    auto killed = spawn([&] { select(on_set(event, [&] { never.wait(); })); });
    grove::sleep(1s);
    killed.kill();
    killed.join();
    CHECK(killed.killed());
}

// --- The end of a queue -------------------------------------------------------------------------------

GROVE_TEST("a queue that was shut down throws ShutDown, or calls the handler of its end") {
    Queue<int> queue;
    Event never;
    queue.put(1);
    queue.shutdown();
    CHECK(select(on_get(queue, ignore), on_set(never)) == 0);  // first what is there
    CHECK_THROWS_AS(select(on_get(queue, ignore), on_set(never)), grove::ShutDown);
    CHECK_THROWS_AS(select(on_put(queue, 1), on_set(never)), grove::ShutDown);
    bool over = false;
    CHECK(select(on_get(queue, ignore, [&] { over = true; }), on_set(never)) == 0);
    CHECK(over);
}

GROVE_TEST("a shutdown wakes it") {
    Queue<int> queue;
    Channel<int> channel;
    Event never;
    auto getter = spawn([&] { select(on_get(queue, ignore), on_set(never)); });
    auto putter = spawn([&] { select(on_put(channel, 1), on_set(never)); });
    grove::sleep(1s);
    queue.shutdown();
    channel.shutdown();
    CHECK_THROWS_AS(getter.get(), grove::ShutDown);
    CHECK_THROWS_AS(putter.get(), grove::ShutDown);
}

// --- Many ---------------------------------------------------------------------------------------------

GROVE_TEST("several queues are merged until all have ended") {
    std::vector<std::unique_ptr<Queue<int>>> queues;
    for (int i = 0; i < 5; ++i) queues.push_back(std::make_unique<Queue<int>>(2));
    std::vector<grove::Greenlet<>> producers;
    for (int i = 0; i < 5; ++i) {
        producers.push_back(spawn([&queue = *queues[static_cast<std::size_t>(i)], i] {
            for (int n = 0; n < 20; ++n) {
                queue.put(100 * i + n);
                if (n % 3 == i % 3) grove::sleep(1ms);
            }
            queue.shutdown();
        }));
    }
    std::multiset<int> got;
    while (!queues.empty()) {
        bool over = false;
        const auto at_end = [&] { over = true; };
        const auto keep = [&](int item) { got.insert(item); };
        using Case = decltype(on_get(*queues.front(), keep, at_end));
        std::vector<Case> cases;
        for (auto& queue : queues) cases.push_back(on_get(*queue, keep, at_end));
        const std::size_t chosen = select(cases);
        if (over) queues.erase(queues.begin() + static_cast<std::ptrdiff_t>(chosen));
    }
    CHECK(got.size() == 100);
    CHECK(std::set<int>(got.begin(), got.end()).size() == 100);
    std::vector<decltype(on_time({}))> none;
    CHECK_THROWS_AS(select(none), std::invalid_argument);
}

TEST_CASE("on a plain thread it does what is ready, and cannot wait") {
    Event event;
    CHECK_THROWS_AS(select(on_set(event)), std::logic_error);
    event.set();
    CHECK(select(on_set(event)) == 0);
}

TEST_SUITE_END();
