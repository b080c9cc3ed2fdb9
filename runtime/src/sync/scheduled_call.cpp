#include <grove/core/runtime.hpp>
#include <grove/sync/event.hpp>
#include <grove/sync/scheduled_call.hpp>

#include <stdexcept>
#include <utility>

namespace grove {

namespace detail {

/// What the handles and the calling greenlet share.
struct CallSchedule {
    explicit CallSchedule(UniqueFunction<void()> f) noexcept : call{std::move(f)} {}

    UniqueFunction<void()> call;
    Event cancelled;
};

namespace {

void call_once(CallSchedule& schedule, Clock::time_point at) {
    if (schedule.cancelled.wait(at)) return;
    schedule.cancelled.set();  // it has begun
    schedule.call();
}

void call_again_and_again(CallSchedule& schedule, Clock::time_point first, Clock::duration period) {
    for (auto at = first; !schedule.cancelled.wait(at);) {
        schedule.call();
        const auto now = fresh_now();
        at += period;
        if (at < now) at += (now - at + period - Clock::duration{1}) / period * period;
    }
}

}  // namespace
}  // namespace detail

ScheduledCall::ScheduledCall(std::shared_ptr<detail::CallSchedule> schedule, GreenletRef greenlet) noexcept
    : schedule_{std::move(schedule)}, greenlet_{std::move(greenlet)} {}

void ScheduledCall::cancel() noexcept {
    if (schedule_) schedule_->cancelled.set();
}

bool ScheduledCall::pending() const noexcept {
    return schedule_ && !schedule_->cancelled.is_set() && !greenlet_.ready();
}

ScheduledCall call_later(Clock::duration delay, UniqueFunction<void()> f, SourceSite site) {
    auto schedule = std::make_shared<detail::CallSchedule>(std::move(f));
    const Deadline at{delay};
    return {schedule, spawn({.name = "call_later", .site = site}, [schedule, at] {
                detail::call_once(*schedule, at.at());
            })};
}

ScheduledCall call_every(Clock::duration period, UniqueFunction<void()> f, SourceSite site) {
    if (period <= Clock::duration::zero())
        throw std::invalid_argument{"call_every: the period must be above 0"};
    auto schedule = std::make_shared<detail::CallSchedule>(std::move(f));
    const Deadline first{period};
    return {schedule, spawn({.name = "call_every", .daemon = true, .site = site}, [schedule, first, period] {
                detail::call_again_and_again(*schedule, first.at(), period);
            })};
}

}  // namespace grove
