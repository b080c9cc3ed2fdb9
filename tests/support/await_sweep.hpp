#pragma once

#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>

#include "core/greenlet_internal.hpp"
#include "support/grove_test.hpp"

#include <chrono>
#include <system_error>

// What every blocking call of io and net promises, checked in one place: interrupted at whichever of its
// waits, it leaves with the right signal, loses no descriptor, and its object is as documented. A test
// describes its call by a class:
//
//     struct Read {
//         std::error_code run(Deadline by);           // the call
//         void help();                                // what it waits for; nothing, where others see to it
//         void check();                               // the object is still of use, after an interruption
//         static constexpr bool is_silent = true;     // without help() it waits for ever
//     };
//
//     SWEEP(Read)   // or, if it is silent, SWEEP_AND_DEADLINE(Read)

namespace grove::testing {

/// A greenlet that makes the call under a Timeout that can be made to expire.
template <class Call>
class Victim {
public:
    explicit Victim(Call& call)
        : call_{call}, greenlet_{spawn([this] {
              Timeout limit{Deadline{}};
              limit_ = &limit;
              try {
                  ec_ = call_.run({});
                  returned_ = true;
              } catch (const Timeout::Expired& expired) {
                  expired_ = limit.owns(expired);
                  limit_ = nullptr;
                  return;
              }
              limit_ = nullptr;
              sleep({});
          })} {}
    ~Victim() {
        greenlet_.kill();
        greenlet_.join();
    }
    Victim(const Victim&) = delete;
    Victim& operator=(const Victim&) = delete;

    /// Whether it came to its n-th wait that can be interrupted; false if the call returned before.
    [[nodiscard]] bool comes_to_wait(int n) {
        const detail::GreenletState& state = *detail::GreenletAccess::state(greenlet_);
        Clock::time_point last{};
        for (int seen = 0; !returned_;) {
            yield();
            if (returned_ || greenlet_.ready()) return false;
            if (!state.waiter || state.waits_since == last) continue;
            last = state.waits_since;  // each wait is in a later turn of the loop than the one before
            if (++seen == n) return true;
            if (seen == 1) call_.help();
        }
        return false;
    }

    void kill() {
        greenlet_.kill();
        greenlet_.join();
        CHECK(greenlet_.killed());
    }
    void expire() {
        limit_->reset(Clock::time_point{});
        while (!greenlet_.ready() && !returned_) yield();
        // A call that is done to its end returns; then the expiry is the next wait's.
        CHECK((expired_ || returned_));
        greenlet_.kill();
        greenlet_.join();
    }
    void finish() {
        CHECK(returned_);
        CHECK_MESSAGE(!ec_, ec_.message());
    }

private:
    Call& call_;
    Timeout* limit_ = nullptr;
    bool returned_ = false;
    bool expired_ = false;
    std::error_code ec_;
    Greenlet<> greenlet_;
};

/// The call interrupted at its n-th wait; false if there is none.
template <class Call>
bool interrupt_at(int n, void (Victim<Call>::*how)()) {
    const int before = open_descriptors();
    bool interrupted = false;
    {
        Call call;
        {
            Victim<Call> victim{call};
            interrupted = victim.comes_to_wait(n);
            interrupted ? (victim.*how)() : victim.finish();
        }
        if (interrupted) call.check();
    }
    CHECK(open_descriptors() == before);
    return interrupted;
}

template <class Call>
void sweep() {
    constexpr int never = 1 << 30;
    {
        Call once;  // what the process keeps from the first call on is there before anything is counted
        Victim<Call> victim{once};
        (void)victim.comes_to_wait(never);
        victim.finish();
    }
    int waits = 0;
    // A quick disk may be done with a wait before anybody sees it: then once more.
    for (int tries = 0; waits == 0 && tries < 100; ++tries) {
        while (interrupt_at<Call>(waits + 1, &Victim<Call>::kill)) ++waits;
    }
    CHECK(waits > 0);
    for (int n = 1; interrupt_at<Call>(n, &Victim<Call>::expire);) ++n;
}

/// Requires: a virtual clock.
template <class Call>
void check_deadline() {
    static_assert(Call::is_silent);
    Call call;
    const auto start = now();
    CHECK(call.run(std::chrono::milliseconds{50}) == std::errc::timed_out);
    CHECK(now() - start == std::chrono::milliseconds{50});
    call.check();
}

}  // namespace grove::testing

#define SWEEP(Call)                                                                             \
    GROVE_TEST_REAL(#Call " may be interrupted at each of its waits, by a kill or a Timeout") { \
        sweep<Call>();                                                                          \
    }
#define SWEEP_AND_DEADLINE(Call)                                                   \
    SWEEP(Call)                                                                    \
    GROVE_TEST(#Call " ends at its deadline, and its object is of use after it") { \
        check_deadline<Call>();                                                    \
    }
