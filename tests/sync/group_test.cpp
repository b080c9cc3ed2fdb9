#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/sync/group.hpp>

#include "support/grove_test.hpp"
#include "sync/blocking_call.hpp"

#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <type_traits>

using namespace std::chrono_literals;
using grove::Deadline;
using grove::Group;
using grove::spawn;

static_assert(!std::is_copy_constructible_v<Group> && !std::is_move_constructible_v<Group>);

TEST_SUITE_BEGIN("sync/group");

namespace {

struct JoinGroup {
    JoinGroup() : member{spawn([] { grove::sleep({}); })} { group.add(member); }
    ~JoinGroup() {
        member.kill();
        member.join();
    }
    bool wait(Deadline by) { return group.join(by); }
    void satisfy() { group.discard(member); }
    static constexpr bool is_remembered = true;
    Group group;
    grove::Greenlet<> member;
};

void wait_to_be_killed() {
    grove::sleep({});
}

}  // namespace

GROVE_TEST("join keeps the promises of a blocking call") {
    grove::testing::check_blocking_call<JoinGroup>();
}

GROVE_TEST("spawn starts members, with arguments, and join waits for them all") {
    Group group;
    int sum = 0;
    auto add = [&](auto... numbers) { sum += (0 + ... + numbers); };
    group.spawn(add);
    group.spawn(add, 1);
    group.spawn(add, 10, 20);
    group.spawn(add, 100, 200, 300);
    auto last = group.spawn({.name = "last"}, [&] {
        grove::sleep(5ms);
        return sum;
    });
    CHECK(group.size() == 5);
    CHECK(last.name() == "last");

    group.join();

    CHECK(group.size() == 0);
    CHECK(last.get() == 631);
    group.join();
}

GROVE_TEST("a member knows where it was spawned") {
    Group group;
    const auto greenlet = group.spawn([] {});
    const unsigned here = __LINE__ - 1;
    CHECK(greenlet.spawn_site().line == here);
    CHECK(std::string{greenlet.spawn_site().file}.ends_with("group_test.cpp"));
    group.join();
}

GROVE_TEST("one that fails does not disturb the others, nor anybody else") {
    bool reported = false;
    grove::set_unhandled_exception_handler(
        [&](const grove::GreenletRef&, const std::exception_ptr&) { reported = true; });
    bool finished = false;
    Group group;
    auto failing = group.spawn([] { throw std::runtime_error{"no"}; });
    group.spawn([] { throw std::runtime_error{"nobody holds a handle, but the group does"}; });
    group.spawn([&] {
        grove::sleep(1ms);
        finished = true;
    });
    group.join();
    grove::yield();
    CHECK(finished);
    CHECK_FALSE(reported);
    CHECK_THROWS_AS(failing.get(), std::runtime_error);
    grove::set_unhandled_exception_handler({});
}

GROVE_TEST("a group that fell empty while join waited has been joined") {
    Group group;
    auto first = group.spawn([] { grove::sleep(1ms); });
    auto joiner = spawn([&] { group.join(); });
    grove::yield();
    group.discard(first);
    auto later = group.spawn(wait_to_be_killed);
    joiner.join();
    CHECK(group.size() == 1);
    later.kill();
    group.join();
    first.join();
}

GROVE_TEST("kill asks all to end, also those added while they die") {
    Group group;
    bool spawned_late_ran = false;
    int dying = 0;
    auto die_slowly = [&] {
        try {
            grove::sleep({});
        } catch (const grove::GreenletExit&) {
            ++dying;
            group.spawn([&] { spawned_late_ran = true; });
            const grove::Shield shield;
            grove::sleep(5ms);
            throw;
        }
    };
    group.spawn(die_slowly);
    group.spawn(die_slowly);
    grove::yield();
    auto outsider = spawn(wait_to_be_killed);

    group.kill();
    group.kill();
    grove::yield();
    group.add(outsider);
    group.join();

    CHECK(dying == 2);
    CHECK_FALSE(spawned_late_ran);
    CHECK(outsider.killed());

    bool ran = false;
    group.spawn([&] { ran = true; });  // the killing is over
    group.join();
    CHECK(ran);
}

GROVE_TEST("a killed member that never began never does") {
    Group group;
    bool ran = false;
    auto member = group.spawn([&] { ran = true; });
    group.kill();
    group.join();
    CHECK_FALSE(ran);
    CHECK(member.killed());
}

GROVE_TEST("the destructor kills and joins whoever is left") {
    int unwound = 0;
    struct Unwound {
        ~Unwound() { ++count; }
        int& count;
    };
    {
        Group group;
        for (int i = 0; i < 3; ++i) {
            group.spawn([&] {
                const Unwound at_end{unwound};
                grove::sleep({});
            });
        }
        grove::yield();
    }
    CHECK(unwound == 3);
}

GROVE_TEST("the destructor waits in full in a greenlet that is killed") {
    bool clean = false;
    auto owner = spawn([&] {
        Group group;
        group.spawn([&] {
            try {
                grove::sleep({});
            } catch (const grove::GreenletExit&) {
                const grove::Shield shield;
                grove::sleep(5ms);
                clean = true;
                throw;
            }
        });
        grove::sleep({});
    });
    grove::sleep(1ms);
    owner.kill();
    grove::sleep(1ms);
    owner.kill();
    owner.join();
    CHECK(clean);
    CHECK(owner.killed());
}

GROVE_TEST("add takes greenlets of any kind, once") {
    Group group;
    auto waiting = spawn(wait_to_be_killed);
    auto ended = spawn([] {});
    ended.join();
    group.add(waiting);
    group.add(waiting);
    group.add(ended);
    group.add({});
    CHECK(group.size() == 1);

    Group other;
    other.add(waiting);  // in two groups at once
    waiting.kill();
    group.join();
    other.join();
    CHECK(waiting.ready());
}

GROVE_TEST("who is discarded is on its own") {
    Group group;
    auto member = group.spawn([] { grove::sleep(5ms); });
    group.discard(member);
    group.discard(member);
    group.discard({});
    CHECK(group.size() == 0);
    group.kill();
    group.join();
    member.join();
    CHECK_FALSE(member.killed());
}

GROVE_TEST("a member may leave its own group, and spawn into it") {
    Group group;
    int generations = 0;
    std::function<void()> next = [&] {
        if (++generations < 5) group.spawn(next);
    };
    group.spawn(next);
    group.join();
    CHECK(generations == 5);

    group.spawn([&] {
        group.discard(grove::current());
        group.join();  // it is not waiting for itself
    });
    group.join();
    grove::yield();
}

GROVE_TEST("a spawn that throws leaves no member") {
    struct Uncopyable {
        Uncopyable() = default;
        Uncopyable(const Uncopyable&) { throw std::runtime_error{"no"}; }
        Uncopyable& operator=(const Uncopyable&) = delete;
        ~Uncopyable() = default;
        void operator()() const {}
    };
    const Uncopyable f;
    Group group;
    CHECK_THROWS_AS(group.spawn(f), std::runtime_error);
    CHECK(group.size() == 0);
    group.join();
}

TEST_SUITE_END();
