#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/scheduled_call.hpp>

#include "support/grove_test.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <vector>

using namespace std::chrono_literals;
using grove::call_every;
using grove::call_later;
using grove::Clock;
using grove::ScheduledCall;

namespace {

/// When something happened, counted from the start of the test.
class Diary {
public:
    void note() { times_.push_back(grove::now() - start_); }
    [[nodiscard]] const std::vector<Clock::duration>& times() const { return times_; }

private:
    Clock::time_point start_ = grove::now();
    std::vector<Clock::duration> times_;
};

using Times = std::vector<Clock::duration>;

}  // namespace

TEST_SUITE_BEGIN("sync/scheduled_call");

GROVE_TEST("call_later calls once, after the delay") {
    Diary diary;
    const ScheduledCall call = call_later(2s, [&] { diary.note(); });
    CHECK(call.pending());
    grove::sleep(10s);
    CHECK_FALSE(call.pending());
    CHECK(diary.times() == Times{2s});
}

GROVE_TEST("a call that is cancelled never begins, and nobody waits for it") {
    Diary diary;
    ScheduledCall call = call_later(2s, [&] { diary.note(); });
    grove::sleep(1s);
    call.cancel();
    CHECK_FALSE(call.pending());
    const auto at = grove::now();
    call.greenlet().join();
    CHECK(grove::now() == at);
    CHECK(call.greenlet().successful());
    CHECK(diary.times().empty());
    call.cancel();  // harmless
    ScheduledCall{}.cancel();
}

GROVE_TEST("a call that has begun goes on when it is cancelled") {
    Diary diary;
    ScheduledCall call = call_later(1s, [&] {
        grove::sleep(2s);
        diary.note();
    });
    grove::sleep(2s);
    CHECK_FALSE(call.pending());
    call.cancel();
    call.greenlet().join();
    CHECK(diary.times() == Times{3s});
}

GROVE_TEST("dropping the handle changes nothing") {
    Diary diary;
    (void)call_later(1s, [&] { diary.note(); });
    grove::sleep(2s);
    CHECK(diary.times() == Times{1s});
}

GROVE_TEST("what a call throws is its greenlet's") {
    const ScheduledCall call = call_later(1s, [] { throw std::runtime_error{"late"}; });
    call.greenlet().join();
    CHECK(call.greenlet().exception());
    CHECK_FALSE(call.pending());
}

GROVE_TEST("call_every calls at multiples of the period, without drift, until it is cancelled") {
    Diary diary;
    ScheduledCall call = call_every(10s, [&] {
        diary.note();
        grove::sleep(3s);
    });
    grove::sleep(45s);
    CHECK(call.pending());
    call.cancel();
    grove::sleep(100s);
    CHECK_FALSE(call.pending());
    CHECK(diary.times() == Times{10s, 20s, 30s, 40s});
}

GROVE_TEST("while a call takes longer than the period, those that would be due are left out") {
    Diary diary;
    ScheduledCall call = call_every(10s, [&] {
        diary.note();
        if (diary.times().size() == 1) grove::sleep(25s);  // until 35
        if (diary.times().size() == 2) grove::sleep(10s);  // exactly until the next
    });
    grove::sleep(65s);
    call.cancel();
    CHECK(diary.times() == Times{10s, 40s, 50s, 60s});
}

GROVE_TEST("a series may end itself") {
    Diary diary;
    ScheduledCall call;
    call = call_every(1s, [&] {
        diary.note();
        if (diary.times().size() == 3) call.cancel();
    });
    call.greenlet().join();
    CHECK(diary.times() == Times{1s, 2s, 3s});
}

GROVE_TEST("a series ends when a call throws") {
    int calls = 0;
    const ScheduledCall call = call_every(1s, [&] {
        if (++calls == 2) throw std::runtime_error{"second"};
    });
    grove::sleep(10s);
    CHECK(calls == 2);
    CHECK_FALSE(call.pending());
    CHECK(call.greenlet().exception());
}

TEST_CASE("a series does not keep the runtime from ending") {
    grove::run([] { call_every(1ms, [] {}); });
}

GROVE_TEST("the longest period there is means never") {
    int calls = 0;
    ScheduledCall call = call_every(grove::Clock::duration::max(), [&] { ++calls; });
    grove::sleep(24h);
    CHECK(calls == 0);
    call.cancel();
}

GROVE_TEST("a period must be above zero") {
    CHECK_THROWS_AS(call_every(0s, [] {}), std::invalid_argument);
    CHECK_THROWS_AS(call_every(-1s, [] {}), std::invalid_argument);
}

TEST_SUITE_END();
