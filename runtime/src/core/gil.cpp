#include <grove/base/assert.hpp>
#include <grove/base/error.hpp>
#include <grove/core/gil.hpp>
#include <grove/core/runtime.hpp>

#include "base/clock.hpp"
#include "core/gil_state.hpp"
#include "core/runtime_control.hpp"
#include "core/scheduler.hpp"
#include "core/watchdog.hpp"

#include <algorithm>
#include <unistd.h>

namespace grove {

namespace detail {

namespace {
constinit const std::atomic<std::uint32_t> nothing_up{0};
constinit thread_local Gil* held_gil = nullptr;

void set_held(Gil* gil) noexcept {
    held_gil = gil;
    breaker = gil ? &GilAccess::state(*gil).breaker : &nothing_up;
}

pid_t this_thread() noexcept {
    static constinit thread_local pid_t id = 0;  // else a system call each time
    if (id == 0) id = ::gettid();
    return id;
}

void note_new_holder(GilState& state) noexcept {
    if (state.holder.load(std::memory_order_relaxed) == this_thread()) return;
    state.holder.store(this_thread(), std::memory_order_relaxed);
    state.switch_number.fetch_add(1, std::memory_order_relaxed);
    state.switched_at.store(Clock::now(), std::memory_order_relaxed);
}

bool take_if_free(GilState& state) noexcept {
    bool expected = false;
    return state.locked.compare_exchange_strong(expected, true, std::memory_order_seq_cst);
}

void note_hold(GilState& state, Clock::duration hold) noexcept {
    const std::int64_t ns = std::chrono::nanoseconds{hold}.count();
    if (ns > state.longest_hold_ns.load(std::memory_order_relaxed)) state.longest_hold_ns = ns;
}

}  // namespace

/// A place in the line of those who wait. Requires, for all of it: the mutex.
class GilState::Waiter {
public:
    explicit Waiter(GilState& state) noexcept : state_{state}, previous_{state.last} {
        (previous_ ? previous_->next_ : state.first) = this;
        state.last = this;
        state.waiting.fetch_add(1, std::memory_order_seq_cst);
    }
    ~Waiter() {
        state_.waiting.fetch_sub(1, std::memory_order_seq_cst);
        (previous_ ? previous_->next_ : state_.first) = next_;
        (next_ ? next_->previous_ : state_.last) = previous_;
        if (!previous_) call_first(state_);
    }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    [[nodiscard]] bool is_first() const noexcept { return previous_ == nullptr; }
    /// Until it is called. It is when it becomes the first.
    void wait(std::unique_lock<std::mutex>& lock) { called_.wait(lock); }
    void wait(std::unique_lock<std::mutex>& lock, Clock::time_point until) {
        called_.wait_until(lock, until);
    }

    static void call_first(GilState& state) noexcept {
        if (state.first) state.first->called_.notify_one();
    }
    static void call_all(GilState& state) noexcept {
        for (Waiter* waiter = state.first; waiter; waiter = waiter->next_) waiter->called_.notify_one();
    }

private:
    GilState& state_;
    Waiter* previous_;
    Waiter* next_ = nullptr;
    std::condition_variable called_;
};

namespace {

/// Waits until the Gil was free and is ours. False: the runtime has ended, or ends, and the caller was not
/// there before.
GROVE_COLD bool take_slow(GilState& state, bool comes_back) noexcept {
    std::unique_lock lock{state.mutex};
    GilState::Waiter me{state};
    const auto came_at = Clock::now();
    for (;;) {
        const auto since = std::max(state.switched_at.load(std::memory_order_relaxed), came_at);
        if (me.is_first() && take_if_free(state)) break;
        if (state.ended && !comes_back) {
            state.taken.notify_all();
            return false;
        }
        const std::chrono::microseconds interval{state.interval_us.load(std::memory_order_relaxed)};
        if (!me.is_first()) {
            me.wait(lock);
        } else if (Clock::now() >= since + interval && state.locked) {
            state.breaker.fetch_or(breaker_bit::drop_request, std::memory_order_relaxed);
            if (state.watchdog) state.watchdog->wake_if_asleep();
            me.wait(lock, Clock::now() + interval);
        } else {
            me.wait(lock, since + interval);
        }
    }
    // It was meant for who had the Gil, and stands if that one has not come to free_slow() yet.
    state.breaker.fetch_and(~breaker_bit::drop_request, std::memory_order_relaxed);
    note_hold(state, Clock::now() - std::max(state.switched_at.load(std::memory_order_relaxed), came_at));
    note_new_holder(state);
    state.taken.notify_all();
    return true;
}

[[nodiscard]] bool take(GilState& state, bool comes_back) noexcept {
    if ((state.ended && !comes_back) || !take_if_free(state)) return take_slow(state, comes_back);
    note_new_holder(state);
    return true;
}

/// Wakes who waits; on request, waits until one of them has had it.
GROVE_COLD void free_slow(GilState& state) noexcept {
    std::unique_lock lock{state.mutex};
    GilState::Waiter::call_first(state);
    if (!(state.breaker.load(std::memory_order_relaxed) & breaker_bit::drop_request)) return;
    state.breaker.fetch_and(~breaker_bit::drop_request, std::memory_order_relaxed);
    state.forced.fetch_add(1, std::memory_order_relaxed);
    state.taken.wait(lock, [&state] {
        return state.holder.load(std::memory_order_relaxed) != this_thread() || state.waiting == 0;
    });
}

}  // namespace

constinit thread_local const std::atomic<std::uint32_t>* breaker = &nothing_up;

Gil* GilAccess::held_by_this_thread() noexcept {
    return held_gil;
}

void GilAccess::relock(Gil& gil) noexcept {
    (void)gil.acquire(true);
}

namespace {

/// The runtime whose Gil it is, if this is its thread.
Scheduler* own_runtime(const GilState& state) noexcept {
    return state.scheduler == Scheduler::here() ? state.scheduler : nullptr;
}

}  // namespace

void GilAccess::leave(Gil& gil) noexcept {
    GilState& state = *gil.state_;
    if (Scheduler* const own = own_runtime(state)) own->note_gil_freed();
    state.away.store(state.away.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    gil.unlock();
}

void GilAccess::come_back(Gil& gil) noexcept {
    GilState& state = *gil.state_;
    Scheduler* const own = Scheduler::here();
    const auto wanted_at = own ? own->when_gil_is_wanted() : Clock::time_point{};
    relock(gil);
    state.away.store(state.away.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    if (own && own_runtime(state)) {
        own->note_gil_taken(wanted_at);
    } else if (state.ended) {
        const std::scoped_lock lock{state.mutex};
        state.taken.notify_all();
    }
}

void GilAccess::hand_over(Gil& gil) noexcept {
    leave(gil);
    come_back(gil);
}

void GilAccess::close(Gil& gil) noexcept {
    GilState& state = *gil.state_;
    {
        const std::scoped_lock lock{state.mutex};
        state.ended = true;
        GilState::Waiter::call_all(state);
    }
    while (const int away = state.away) {
        gil.unlock();
        {
            std::unique_lock lock{state.mutex};
            state.taken.wait(lock, [&] { return state.away != away; });
        }
        relock(gil);
    }
}

void GilAccess::end(Gil& gil) noexcept {
    set_held(gil.state_->outer);
}

GilReleased::GilReleased() noexcept : gil_{held_gil} {
    if (gil_) GilAccess::leave(*gil_);
}

GilReleased::~GilReleased() {
    const int error = errno;
    if (gil_) GilAccess::come_back(*gil_);
    errno = error;
}

}  // namespace detail

namespace {

std::chrono::microseconds sensible(std::chrono::microseconds interval) noexcept {
    return std::max(detail::within_reason(interval), std::chrono::microseconds{1});
}

}  // namespace

Gil::Gil(std::chrono::microseconds switch_interval)
    : state_{std::make_unique<detail::GilState>(sensible(switch_interval))} {}

Gil::~Gil() = default;

void Gil::lock() {
    if (!acquire(false))
        throw std::system_error{make_error_code(Errc::closed), "Gil::lock: the runtime has ended"};
}

bool Gil::acquire(bool comes_back) noexcept {
    GROVE_ASSERT(!held_here(), "Gil::lock: this thread holds it already");
    const int error = errno;
    if (!detail::take(*state_, comes_back)) return false;
    state_->outer = detail::held_gil;
    detail::set_held(this);
    errno = error;
    return true;
}

bool Gil::try_lock() noexcept {
    if (state_->ended || !detail::take_if_free(*state_)) return false;
    detail::note_new_holder(*state_);
    state_->outer = detail::held_gil;
    detail::set_held(this);
    return true;
}

void Gil::unlock() noexcept {
    GROVE_ASSERT(held_here(), "Gil::unlock: this thread does not hold it");
    if (detail::held_gil == this) {
        detail::set_held(state_->outer);
    } else {  // one that was taken later is kept
        Gil* later = detail::held_gil;
        while (later->state_->outer != this) later = later->state_->outer;
        later->state_->outer = state_->outer;
    }
    state_->locked.store(false, std::memory_order_seq_cst);
    if (state_->waiting.load(std::memory_order_seq_cst) > 0) detail::free_slow(*state_);
}

bool Gil::held_here() const noexcept {
    for (const Gil* held = detail::held_gil; held; held = held->state_->outer) {
        if (held == this) return true;
    }
    return false;
}

std::chrono::microseconds Gil::switch_interval() const noexcept {
    return std::chrono::microseconds{state_->interval_us.load(std::memory_order_relaxed)};
}

void Gil::set_switch_interval(std::chrono::microseconds interval) noexcept {
    state_->interval_us = sensible(interval).count();
}

Gil::Stats Gil::stats() const noexcept {
    return {.handovers = state_->switch_number,
            .forced_handovers = state_->forced,
            .held = std::chrono::nanoseconds{state_->held_ns},
            .waited = std::chrono::nanoseconds{state_->waited_ns},
            .longest_hold = std::chrono::nanoseconds{state_->longest_hold_ns}};
}

}  // namespace grove
