#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/core/wait_list.hpp>

#include "support/grove_test.hpp"

#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using grove::spawn;
using grove::WaitList;

TEST_SUITE_BEGIN("core/wait_list");

GROVE_TEST_FIFO("waiters are notified first come first served") {
    WaitList list;
    std::string order;
    for (char c = 'a'; c <= 'c'; ++c) {
        spawn(
            [&order, &list](char name) {
                list.wait();
                order += name;
            },
            c);
    }
    grove::yield();
    CHECK(list.notify_one());
    grove::yield();
    CHECK(order == "a");
    list.notify_all();
    CHECK_FALSE(list.notify_one());
    grove::yield();
    CHECK(order == "abc");
}

GROVE_TEST("wait gives up exactly at its deadline, and at once if that has passed") {
    WaitList list;
    const auto start = grove::now();
    CHECK_FALSE(list.wait(25ms));
    CHECK(grove::now() - start == 25ms);
    CHECK_FALSE(list.wait(0ms));
    CHECK_FALSE(list.wait(-1s));
    CHECK(grove::now() - start == 25ms);
    CHECK(list.empty());
}

GROVE_TEST("notified, then killed in the same turn: the wait returns, the next one throws") {
    WaitList list;
    bool returned = false;
    auto g = spawn([&] {
        list.wait();
        returned = true;
        list.wait();
    });
    grove::yield();
    list.notify_one();
    g.kill();
    g.join();
    CHECK(returned);
    CHECK(g.killed());
    CHECK(list.empty());
}

GROVE_TEST("killed, then notified: the notification goes to the next in line") {
    WaitList list;
    auto first = spawn([&] { list.wait(); });
    grove::yield();
    auto second = spawn([&] { list.wait(); });
    grove::yield();
    first.kill();
    CHECK(list.notify_one());
    first.join();
    second.join();
    CHECK(first.killed());
    CHECK_FALSE(second.killed());
}

GROVE_TEST_FIFO(
    "a deadline and a notification in one turn: the first of them counts, and nothing stays linked") {
    WaitList list;
    bool notified = false;
    auto waiter = spawn([&] { notified = list.wait(10ms); });
    auto notifier = spawn([&] {
        grove::sleep(10ms);
        (void)list.notify_one();
    });
    waiter.join();
    notifier.join();
    CHECK(list.empty());
    CHECK_FALSE(notified);  // its own timer was armed first
}

GROVE_TEST("a time-out around a wait is not lost and not mistaken for the wait's own deadline") {
    WaitList list;
    const auto start = grove::now();
    CHECK_FALSE(grove::try_with_timeout(10ms, [&] { (void)list.wait(1s); }));
    CHECK(grove::now() - start == 10ms);
}

TEST_CASE("waiting on a plain thread is a logic_error that names the call") {
    WaitList list;
    CHECK_THROWS_WITH_AS(list.wait(), doctest::Contains("only a greenlet can wait"), std::logic_error);
}

TEST_SUITE_END();
