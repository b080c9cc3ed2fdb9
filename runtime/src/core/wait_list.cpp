#include <grove/base/assert.hpp>
#include <grove/core/wait_list.hpp>

#include "core/gil_state.hpp"
#include "core/greenlet_internal.hpp"
#include "core/scheduler.hpp"

#include <stdexcept>
#include <string>

namespace grove {

namespace detail {

namespace {

// The clock of the turn is behind the time by about this much, so a deadline that near to it may have passed.
// Farther ones need no look at the clock, which takes as long as a switch.
constexpr auto turn_at_most = std::chrono::milliseconds{10};

struct WaitTimer : Timer {
    explicit WaitTimer(Waiter& w) noexcept : Timer{&expire}, waiter{w} {}

    static void expire(Timer& timer) noexcept {
        Waiter& waiter = static_cast<WaitTimer&>(timer).waiter;
        if (waiter.outcome != Waiter::Outcome::waiting)
            return;  // woken in this very turn, but has not run yet
        WaitListAccess::unlink(waiter);
        waiter.outcome = Waiter::Outcome::timed_out;
        waiter.greenlet->waiter = nullptr;
        waiter.greenlet->scheduler->make_ready(*waiter.greenlet);
    }

    Waiter& waiter;
};

void park(Scheduler& scheduler, GreenletState& g, Waiter& waiter, Deadline by) {
    g.waiter = &waiter;
    if (by.is_never()) return scheduler.suspend();
    WaitTimer timer{waiter};
    scheduler.timers().add(timer, by.at());
    scheduler.suspend();
    scheduler.timers().cancel(timer);
}

}  // namespace

bool wait(WaitList& list, Deadline by, const char* what, void* payload) {
    Scheduler* const scheduler = Scheduler::here();
    if (!scheduler || !running_greenlet) {
        throw std::logic_error{std::string{what} + ": only a greenlet can wait here; this is a plain thread"};
    }
    GreenletState& g = *running_greenlet;
    throw_if_signalled(g);
    if (by.at() <= scheduler->now() + turn_at_most && by.passed()) return false;
    Waiter waiter{.greenlet = &g, .payload = payload};
    WaitListAccess::link(list, waiter);
    g.waits_for = what;
    g.waits_since = scheduler->now();
    park(*scheduler, g, waiter, by);
    if (waiter.outcome == Waiter::Outcome::interrupted) throw_signal(g);
    // A signal that came after the notification waits for the next wait; let checkpoint() know.
    if (g.signals != 0) scheduler->raise_breaker(breaker_bit::signalled);
    return waiter.outcome == Waiter::Outcome::notified;
}

void WaitListAccess::link(WaitList& list, Waiter& waiter) noexcept {
    waiter.list = &list;
    waiter.next = nullptr;
    waiter.prev = list.last_;
    (list.last_ ? list.last_->next : list.first_) = &waiter;
    list.last_ = &waiter;
}

void WaitListAccess::unlink(Waiter& waiter) noexcept {
    WaitList& list = *waiter.list;
    (waiter.prev ? waiter.prev->next : list.first_) = waiter.next;
    (waiter.next ? waiter.next->prev : list.last_) = waiter.prev;
}

}  // namespace detail

WaitList::~WaitList() {
    GROVE_ASSERT(empty(), "a WaitList is destroyed while greenlets wait in it");
}

void WaitList::notify_first() noexcept {
    detail::Waiter& waiter = *first_;
    detail::WaitListAccess::unlink(waiter);
    waiter.outcome = detail::Waiter::Outcome::notified;
    waiter.greenlet->waiter = nullptr;
    waiter.greenlet->scheduler->make_ready(*waiter.greenlet);
}

void WaitList::notify_all() noexcept {
    // Those who come while we notify wait for the next time: nobody runs in between.
    while (first_) notify_first();
}

}  // namespace grove
