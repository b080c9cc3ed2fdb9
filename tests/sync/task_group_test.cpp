#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/sync/group.hpp>

#include "support/grove_test.hpp"

#include <stdexcept>
#include <type_traits>

using namespace std::chrono_literals;
using grove::spawn;
using grove::TaskGroup;

static_assert(!std::is_copy_constructible_v<TaskGroup> && !std::is_move_constructible_v<TaskGroup>);

TEST_SUITE_BEGIN("sync/task_group");

namespace {

/// Counts how many bodies were left, in whatever way.
struct CountAtEnd {
    ~CountAtEnd() { ++count; }
    int& count;
};

[[noreturn]] void fail(const char* why) {
    throw std::runtime_error{why};
}

}  // namespace

GROVE_TEST("join waits for all tasks") {
    TaskGroup group;
    auto task = group.spawn([](int a, int b, int c) { return a + b + c; }, 1, 2, 3);
    group.spawn({.name = "slow"}, [] { grove::sleep(5ms); });
    const auto start = grove::now();
    group.join();
    CHECK(grove::now() - start == 5ms);
    CHECK(task.get() == 6);
    group.join();
}

GROVE_TEST("the first failure kills the rest, and join rethrows it when all have ended") {
    TaskGroup group;
    int ended = 0;
    auto cleaning = group.spawn([&] {
        const CountAtEnd at_end{ended};
        try {
            grove::sleep({});
        } catch (const grove::GreenletExit&) {
            const grove::Shield shield;
            grove::sleep(5ms);
            throw;
        }
    });
    auto second_to_fail = group.spawn([&] {
        const CountAtEnd at_end{ended};
        try {
            grove::sleep({});
        } catch (const grove::GreenletExit&) {
            fail("second");
        }
    });
    group.spawn([&] {
        grove::sleep(1ms);
        fail("first");
    });
    const auto start = grove::now();

    CHECK_THROWS_WITH_AS(group.join(), "first", std::runtime_error);

    CHECK(grove::now() - start == 6ms);
    CHECK(ended == 2);
    CHECK(cleaning.killed());
    CHECK_FALSE(second_to_fail.successful());
    group.join();  // the failure was taken
}

GROVE_TEST("what is spawned after a failure is killed, until the failure is taken") {
    TaskGroup group;
    group.spawn([] { fail("no"); });
    grove::yield();
    bool ran = false;
    auto late = group.spawn([&] { ran = true; });
    CHECK_THROWS_AS(group.join(), std::runtime_error);
    CHECK(late.killed());
    CHECK_FALSE(ran);

    group.spawn([&] { ran = true; });
    group.join();
    CHECK(ran);
}

GROVE_TEST("a killed task is no failure") {
    TaskGroup group;
    auto killed = group.spawn([] { grove::sleep({}); });
    auto other = group.spawn([] { grove::sleep(1ms); });
    killed.kill();
    group.join();
    CHECK(other.successful());
    CHECK_FALSE(other.killed());

    auto task = group.spawn([] { grove::sleep({}); });
    group.kill();
    group.join();
    CHECK(task.killed());
}

GROVE_TEST("join with a deadline is false while tasks run, and rethrows once they have ended") {
    TaskGroup group;
    group.spawn([] {
        grove::sleep(5ms);
        fail("late");
    });
    CHECK_FALSE(group.join(1ms));
    CHECK_FALSE(group.join(0ms));
    CHECK_THROWS_WITH_AS((void)group.join(1h), "late", std::runtime_error);
    CHECK(group.join(0ms));
}

GROVE_TEST("join waits for tasks that tasks spawn") {
    TaskGroup group;
    bool ran = false;
    group.spawn([&] {
        group.spawn([&] {
            grove::sleep(1ms);
            ran = true;
        });
    });
    group.join();
    CHECK(ran);
}

GROVE_TEST("the destructor kills and joins whoever is left") {
    int ended = 0;
    {
        TaskGroup group;
        group.spawn([&] {
            const CountAtEnd at_end{ended};
            grove::sleep({});
        });
        grove::yield();
    }
    CHECK(ended == 1);
}

GROVE_TEST("a joiner that is killed takes its tasks along") {
    int ended = 0;
    auto owner = spawn([&] {
        TaskGroup group;
        group.spawn([&] {
            const CountAtEnd at_end{ended};
            try {
                grove::sleep({});
            } catch (const grove::GreenletExit&) {
                const grove::Shield shield;
                grove::sleep(5ms);
                throw;
            }
        });
        group.join();
    });
    grove::sleep(1ms);
    const auto start = grove::now();
    owner.kill();
    owner.join();
    CHECK(ended == 1);
    CHECK(grove::now() - start == 5ms);
}

GROVE_TEST("a time limit around join ends the tasks with the scope") {
    int ended = 0;
    const bool in_time = grove::try_with_timeout(5ms, [&] {
        TaskGroup group;
        group.spawn([&] {
            const CountAtEnd at_end{ended};
            grove::sleep({});
        });
        group.join();
    });
    CHECK_FALSE(in_time);
    CHECK(ended == 1);
}

GROVE_TEST("groups nest, and a failure travels outward") {
    TaskGroup outer;
    int ended = 0;
    outer.spawn([&] {
        const CountAtEnd at_end{ended};
        grove::sleep({});
    });
    outer.spawn([&] {
        TaskGroup inner;
        inner.spawn([&] {
            const CountAtEnd at_end{ended};
            grove::sleep({});
        });
        inner.spawn([] {
            grove::sleep(1ms);
            fail("inside");
        });
        inner.join();
    });
    CHECK_THROWS_WITH_AS(outer.join(), "inside", std::runtime_error);
    CHECK(ended == 2);
}

TEST_SUITE_END();
