#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/core/wait_list.hpp>

#include "support/grove_test.hpp"

#include <stdexcept>
#include <vector>

using namespace std::chrono_literals;
using grove::spawn;
using grove::Timeout;

TEST_SUITE_BEGIN("core/timeout");

GROVE_TEST("with_timeout gives the result if there is time") {
    CHECK(grove::with_timeout(10ms, [] { return 7; }) == 7);
    CHECK(grove::with_timeout({}, [] { return 7; }) == 7);
}

GROVE_TEST("with_timeout throws timed_out exactly at its deadline") {
    const auto start = grove::now();
    try {
        grove::with_timeout(30ms, [] { grove::sleep({}); });
        FAIL("it returned");
    } catch (const std::system_error& e) {
        CHECK(e.code() == std::errc::timed_out);
    }
    CHECK(grove::now() - start == 30ms);
}

GROVE_TEST("try_with_timeout answers") {
    CHECK(grove::try_with_timeout(10ms, [] { return 7; }) == 7);
    CHECK(grove::try_with_timeout(10ms, [] {
              grove::sleep(1s);
              return 7;
          }) == std::nullopt);
    CHECK(grove::try_with_timeout(10ms, [] {}));
    CHECK_FALSE(grove::try_with_timeout(10ms, [] { grove::sleep(1s); }));
}

GROVE_TEST("what returned counts, however late") {
    CHECK(grove::try_with_timeout(10ms, [] {
              const grove::Shield shield;
              grove::sleep(1s);
              return 7;
          }) == 7);
}

GROVE_TEST("an outer time-out is not mistaken for an inner one's") {
    bool inner_answered = false;
    const auto start = grove::now();
    CHECK_FALSE(grove::try_with_timeout(10ms, [&] {
        (void)grove::try_with_timeout(1s, [] { grove::sleep({}); });
        inner_answered = true;
    }));
    CHECK_FALSE(inner_answered);
    CHECK(grove::now() - start == 10ms);
}

GROVE_TEST("an inner one leaves the outer in force") {
    const auto start = grove::now();
    CHECK_FALSE(grove::try_with_timeout(30ms, [] {
        CHECK_FALSE(grove::try_with_timeout(10ms, [] { grove::sleep({}); }));
        grove::sleep({});
    }));
    CHECK(grove::now() - start == 30ms);
}

GROVE_TEST("of two that expired, the earlier travels") {
    Timeout late{grove::now() + 20ms};
    Timeout early{grove::now() + 10ms};
    {
        const grove::Shield shield;
        grove::sleep(50ms);
    }
    try {
        grove::sleep({});
        FAIL("it returned");
    } catch (const Timeout::Expired& e) {
        CHECK(early.owns(e));
        CHECK_FALSE(late.owns(e));
    }
}

GROVE_TEST("a time-out is level-triggered until its scope ends or is reset") {
    Timeout timeout{5ms};
    for (int i = 0; i < 2; ++i) CHECK_THROWS_AS(grove::sleep({}), Timeout::Expired);
    timeout.reset(20ms);
    const auto start = grove::now();
    CHECK_NOTHROW(grove::sleep(10ms));
    timeout.reset({});
    CHECK_NOTHROW(grove::sleep(100ms));
    CHECK(grove::now() - start == 110ms);
}

GROVE_TEST("a deadline that has passed strikes at the first wait, not before") {
    Timeout timeout{0ms};
    grove::Greenlet<int> g = spawn([] { return 1; });
    CHECK_THROWS_AS(g.join(), Timeout::Expired);
    timeout.reset({});
    CHECK(g.get() == 1);
    timeout.reset(0ms);
    CHECK(g.get() == 1);  // need not wait
}

GROVE_TEST("checkpoint throws an expired time-out") {
    const Timeout timeout{0ms};
    CHECK_THROWS_AS(grove::checkpoint(), Timeout::Expired);
}

GROVE_TEST("Shield holds a kill back until the next wait after it") {
    bool cleaned_up = false;
    bool reached = false;
    auto g = spawn([&] {
        {
            const grove::Shield shield;
            grove::sleep(10ms);
            cleaned_up = true;
        }
        grove::sleep({});
        reached = true;
    });
    grove::yield();
    g.kill();
    g.join();
    CHECK(cleaned_up);
    CHECK_FALSE(reached);
    CHECK(g.killed());
}

GROVE_TEST("catch of std::exception does not swallow a time-out") {
    const Timeout timeout{5ms};
    bool swallowed = false;
    try {
        try {
            grove::sleep({});
        } catch (const std::exception&) {
            swallowed = true;
        }
    } catch (const Timeout::Expired&) {
    }
    CHECK_FALSE(swallowed);
}

GROVE_TEST_FIFO("a reset by another greenlet comes too late for what has just expired") {
    Timeout* limit = nullptr;
    const auto due = grove::now() + 20ms;
    auto other = spawn([&] {
        grove::sleep(due);
        limit->reset(1s);
    });
    auto limited = spawn([&] {
        Timeout timeout{due};
        limit = &timeout;
        CHECK_THROWS_AS(grove::sleep({}), Timeout::Expired);
    });
    grove::join_all(std::vector<grove::GreenletRef>{other, limited});
    CHECK(grove::now() == due);
}

GROVE_TEST("another greenlet puts off a time-out that has not expired") {
    Timeout* limit = nullptr;
    const auto start = grove::now();
    auto limited = spawn([&] {
        Timeout timeout{20ms};
        limit = &timeout;
        CHECK_THROWS_AS(grove::sleep({}), Timeout::Expired);
    });
    grove::sleep(15ms);
    limit->reset(20ms);
    limited.join();
    CHECK(grove::now() - start == 35ms);
}

TEST_CASE("a Timeout on a plain thread is a logic_error, a Shield does nothing there") {
    CHECK_THROWS_AS(Timeout{grove::Deadline{}}, std::logic_error);
    const grove::Shield shield;
}

TEST_SUITE_END();
