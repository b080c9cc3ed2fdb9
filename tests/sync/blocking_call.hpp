#pragma once

#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>

#include "support/grove_test.hpp"

#include <chrono>

// What every blocking call of the primitives promises, checked in one place. A test describes its call by a
// class:
//
//     struct Acquire {
//         bool wait(Deadline by) { return permits.acquire(by); }  // true: got it
//         void satisfy() { permits.release(); }                   // what one waiter waits for, there and
//         then static constexpr bool is_remembered = true;             // also when nobody waits Semaphore
//         permits{0};
//     };
//
//     GROVE_TEST("...") { check_blocking_call<Acquire>(); }

namespace grove::testing {

using namespace std::chrono_literals;

/// A greenlet that waits, and what came of it.
template <class Call>
struct Waiting {
    Waiting(Call& call, Deadline by)
        : greenlet{spawn([this, &call, by] {
              got_it = call.wait(by);
              returned = true;
              sleep({});
          })} {
        yield();  // it waits now
    }
    ~Waiting() {
        greenlet.kill();
        greenlet.join();
    }

    bool got_it = false;
    bool returned = false;
    Greenlet<> greenlet;
};

template <class Call>
void check_deadlines(Call& call) {
    const auto start = now();
    CHECK_FALSE(call.wait(50ms));
    CHECK(now() - start == 50ms);

    bool others_ran = false;
    auto other = spawn([&] { others_ran = true; });
    CHECK_FALSE(call.wait(0ms));
    CHECK_FALSE(others_ran);
    other.join();
}

template <class Call>
void check_outer_timeouts(Call& call) {
    const auto start = now();
    bool returned = false;
    const bool in_time = try_with_timeout(10ms, [&] {
        (void)call.wait(20ms);
        returned = true;
    });
    CHECK_FALSE(in_time);
    CHECK_FALSE(returned);
    CHECK(now() - start == 10ms);

    // The shorter one inside is an answer, not an expiry.
    CHECK(try_with_timeout(20ms, [&] { CHECK_FALSE(call.wait(10ms)); }));
    CHECK(now() - start == 20ms);
}

template <class Call>
void check_kills() {
    Call call;
    Waiting<Call> killed{call, {}};
    Waiting<Call> next{call, 1h};
    killed.greenlet.kill();
    call.satisfy();  // the killed one is out of the line already
    killed.greenlet.join();
    CHECK_FALSE(killed.returned);
    CHECK(killed.greenlet.killed());
    yield();
    CHECK(next.got_it);
}

template <class Call>
void check_kill_after_notification() {
    Call call;
    Waiting<Call> waiter{call, {}};
    call.satisfy();
    waiter.greenlet.kill();
    waiter.greenlet.join();
    CHECK(waiter.got_it);             // the wait returned,
    CHECK(waiter.greenlet.killed());  // the next one threw
}

template <class Call>
void check_readiness(Call& call) {
    bool others_ran = false;
    auto other = spawn([&] { others_ran = true; });
    CHECK(call.wait(1h));
    CHECK_FALSE(others_ran);
    other.join();
}

template <class Call>
void check_blocking_call() {
    // In greenlets of their own: what main has, a lock for instance, they have to wait for.
    Call call;
    spawn([&] { check_deadlines(call); }).get();
    spawn([&] { check_outer_timeouts(call); }).get();
    check_kills<Call>();
    check_kill_after_notification<Call>();
    if constexpr (Call::is_remembered) {
        call.satisfy();
        spawn([&] { check_readiness(call); }).get();
    }
}

}  // namespace grove::testing
