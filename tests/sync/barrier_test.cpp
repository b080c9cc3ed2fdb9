#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/sync/barrier.hpp>

#include "support/grove_test.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using grove::Barrier;
using grove::BrokenBarrier;
using grove::spawn;

static_assert(!std::is_copy_constructible_v<Barrier> && !std::is_move_constructible_v<Barrier>);

TEST_SUITE_BEGIN("sync/barrier");

namespace {

/// A greenlet that waits at the barrier, and says how that ended.
grove::Greenlet<std::string> party(Barrier& barrier, grove::Deadline by = {}) {
    auto greenlet = spawn([&barrier, by] {
        try {
            return std::to_string(barrier.wait(by));
        } catch (const BrokenBarrier&) {
            return std::string{"broken"};
        }
    });
    grove::yield();  // it is there
    return greenlet;
}

}  // namespace

GROVE_TEST("the last to arrive lets all go, each with the index of its arrival") {
    Barrier barrier{3};
    CHECK(barrier.parties() == 3);
    auto first = party(barrier);
    auto second = party(barrier);
    CHECK(barrier.waiting() == 2);
    CHECK_FALSE(first.ready());

    CHECK(barrier.wait() == 2);

    CHECK(barrier.waiting() == 0);
    CHECK(first.get() == "0");
    CHECK(second.get() == "1");
}

GROVE_TEST("a barrier is used again and again") {
    Barrier barrier{4};
    std::vector<int> passes(4);
    std::vector<grove::Greenlet<>> greenlets;
    for (int i = 0; i < 4; ++i) {
        greenlets.push_back(spawn([&, i] {
            for (int pass = 0; pass < 10; ++pass) {
                ++passes[i];
                barrier.wait();
                // Nobody is a whole pass ahead.
                CHECK(std::ranges::max(passes) - std::ranges::min(passes) <= 1);
            }
        }));
    }
    grove::join_all(greenlets);
    CHECK(passes == std::vector<int>(4, 10));
}

GROVE_TEST("a barrier of one never waits") {
    int actions = 0;
    Barrier barrier{1, [&] { ++actions; }};
    CHECK(barrier.wait() == 0);
    CHECK(barrier.wait(0ms) == 0);
    CHECK(actions == 2);
}

GROVE_TEST("the action runs once per pass, in the last to arrive, before anyone leaves") {
    std::string log;
    grove::GreenletRef actor;
    Barrier barrier{2, [&] {
                        log += 'a';
                        actor = grove::current();
                        grove::sleep(5ms);
                        log += 'b';
                    }};
    auto first = spawn([&] {
        barrier.wait();
        log += 'f';
    });
    grove::yield();
    barrier.wait();
    CHECK(log == "ab");
    CHECK(actor == grove::current());
    first.join();
    CHECK(log == "abf");
}

GROVE_TEST("who comes while the action runs belongs to the next pass") {
    Barrier barrier{2, [] { grove::sleep(5ms); }};
    auto first = party(barrier);
    auto last = party(barrier);
    auto newcomer = party(barrier);
    first.join();
    last.join();
    CHECK(first.get() == "0");
    CHECK(last.get() == "1");
    CHECK_FALSE(newcomer.ready());
    CHECK(barrier.wait() == 1);
    CHECK(newcomer.get() == "0");
}

GROVE_TEST("enough newcomers make a pass of their own when the action is done") {
    int actions = 0;
    Barrier barrier{2, [&] {
                        ++actions;
                        grove::sleep(5ms);
                    }};
    std::vector<grove::Greenlet<std::string>> parties;
    for (int i = 0; i < 7; ++i) parties.push_back(party(barrier));
    CHECK(actions == 1);
    grove::sleep(20ms);
    CHECK(actions == 3);
    CHECK(barrier.waiting() == 1);
    CHECK(barrier.wait() == 1);
    std::string indices;
    for (const auto& greenlet : parties) indices += greenlet.get();
    CHECK(indices == "0101010");
}

GROVE_TEST("a time-out breaks it for all, until it is reset") {
    Barrier barrier{3};
    auto patient = party(barrier);
    const auto start = grove::now();

    CHECK_THROWS_AS(barrier.wait(5ms), BrokenBarrier);

    CHECK(grove::now() - start == 5ms);
    CHECK(barrier.broken());
    CHECK(barrier.waiting() == 0);
    CHECK(patient.get() == "broken");
    CHECK_THROWS_AS(barrier.wait(), BrokenBarrier);

    barrier.reset();
    CHECK_FALSE(barrier.broken());
    auto first = party(barrier);
    auto second = party(barrier);
    CHECK(barrier.wait() == 2);
    CHECK(first.get() == "0");
    CHECK(second.get() == "1");
}

GROVE_TEST("a kill breaks it for the others") {
    Barrier barrier{3};
    auto other = party(barrier);
    auto killed = party(barrier);
    killed.kill();
    CHECK(other.get() == "broken");
    killed.join();
    CHECK(killed.killed());
    CHECK(barrier.broken());
}

GROVE_TEST("who was killed does not count for the pass, nor break the next") {
    Barrier barrier{2};
    auto killed = party(barrier);
    killed.kill();  // and has not run since
    CHECK_THROWS_AS(barrier.wait(), BrokenBarrier);
    barrier.reset();
    killed.join();
    CHECK_FALSE(barrier.broken());
}

GROVE_TEST("an outer time-out breaks it, and travels on") {
    Barrier barrier{2};
    CHECK_FALSE(grove::try_with_timeout(5ms, [&] { barrier.wait(10ms); }));
    CHECK(barrier.broken());
}

GROVE_TEST("who was let go in the turn of its kill has passed") {
    Barrier barrier{2};
    bool passed = false;
    auto first = spawn([&] {
        barrier.wait();
        passed = true;
        grove::sleep({});
    });
    grove::yield();
    barrier.wait();
    first.kill();
    first.join();
    CHECK(passed);
    CHECK(first.killed());
    CHECK_FALSE(barrier.broken());
}

GROVE_TEST("an action that throws breaks it, and its exception stays where it was thrown") {
    Barrier barrier{2, [] { throw std::runtime_error{"no"}; }};
    auto other = party(barrier);
    CHECK_THROWS_WITH_AS(barrier.wait(), "no", std::runtime_error);
    CHECK(barrier.broken());
    CHECK(other.get() == "broken");
}

GROVE_TEST("reset sends away who waits, and the barrier is as new") {
    Barrier barrier{2};
    auto waiter = party(barrier);
    barrier.reset();
    CHECK_FALSE(barrier.broken());
    auto next = party(barrier);
    CHECK(waiter.get() == "broken");
    CHECK(barrier.wait() == 1);
    CHECK(next.get() == "0");
}

GROVE_TEST("abort breaks it until reset") {
    Barrier barrier{2};
    auto waiter = party(barrier);
    barrier.abort();
    barrier.abort();
    CHECK(waiter.get() == "broken");
    CHECK(party(barrier).get() == "broken");
    barrier.reset();
    auto next = party(barrier);
    CHECK(barrier.wait() == 1);
    next.join();
}

GROVE_TEST("one that leaves while the action runs breaks the pass for all in it") {
    Barrier barrier{2, [] { grove::sleep(5ms); }};
    auto impatient = party(barrier, 1ms);
    auto last = party(barrier);
    auto newcomer = party(barrier);
    CHECK(impatient.get() == "broken");
    CHECK(newcomer.get() == "broken");
    CHECK(last.get() == "broken");
    CHECK(barrier.broken());
}

GROVE_TEST("a reset while the action runs ends that pass, not the next") {
    bool slow = true;
    Barrier barrier{2, [&] {
                        if (std::exchange(slow, false)) grove::sleep(5ms);
                    }};
    auto first = party(barrier);
    auto last = party(barrier);
    barrier.reset();
    CHECK(first.get() == "broken");
    auto again = party(barrier);
    CHECK(barrier.wait() == 1);
    CHECK(again.get() == "0");
    CHECK(last.get() == "broken");
    CHECK_FALSE(barrier.broken());
}

TEST_SUITE_END();
