#pragma once

#include <grove/base/source_site.hpp>
#include <grove/base/time.hpp>
#include <grove/base/unique_function.hpp>
#include <grove/core/greenlet.hpp>

#include <memory>

namespace grove {

namespace detail {
struct CallSchedule;
}

/// A handle on what call_later() or call_every() will do. Copies mean the same; dropping them all changes
/// nothing.
class ScheduledCall {
public:
    ScheduledCall() noexcept = default;

    /// No call begins from now on; one that has begun goes on. Also from within the call.
    void cancel() noexcept;
    [[nodiscard]] bool pending() const noexcept;  ///< a call may still begin
    /// The one that makes the calls: join() it, link to it, or ask for its exception(). Null for an empty
    /// handle.
    [[nodiscard]] const GreenletRef& greenlet() const noexcept { return greenlet_; }

private:
    friend ScheduledCall call_later(Clock::duration, UniqueFunction<void()>, SourceSite);
    friend ScheduledCall call_every(Clock::duration, UniqueFunction<void()>, SourceSite);
    ScheduledCall(std::shared_ptr<detail::CallSchedule>, GreenletRef) noexcept;

    std::shared_ptr<detail::CallSchedule> schedule_;
    GreenletRef greenlet_;
};

/// Calls f once, after the delay, in a greenlet of its own (Python's threading.Timer). run() waits for it,
/// unless it is cancelled. What f throws goes the way of what a greenlet throws.
ScheduledCall call_later(Clock::duration delay,
                         UniqueFunction<void()> f,
                         SourceSite site = SourceSite::current());

/// Calls f again and again in a greenlet of its own, a daemon: first after one period, then at multiples of
/// it from the start, so that the calls do not drift. Never two at once: while f takes longer than a period,
/// the calls that would be due meanwhile are left out. If f throws, that ends the series, and goes the way of
/// what a greenlet throws. **Throws** std::invalid_argument unless period > 0.
ScheduledCall call_every(Clock::duration period,
                         UniqueFunction<void()> f,
                         SourceSite site = SourceSite::current());

}  // namespace grove
