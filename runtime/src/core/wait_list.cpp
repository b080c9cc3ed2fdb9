#include <grove/base/assert.hpp>
#include <grove/core/wait_list.hpp>

#include "core/gil_state.hpp"
#include "core/greenlet_internal.hpp"
#include "core/scheduler.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

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
            return;                            // woken in this very turn, but has not run yet
        if (!waiter.greenlet->waiter) return;  // notified already: it waits for a Condition's lock
        WaitListAccess::end(waiter, Waiter::Outcome::timed_out);
    }

    Waiter& waiter;
};

[[gnu::noinline]] void suspend_until(Scheduler& scheduler, Waiter& waiter, Deadline by) {
    WaitTimer timer{waiter};
    scheduler.timers().add(timer, by.at());
    scheduler.suspend();
    scheduler.timers().cancel(timer);
}

/// Requires: the waiter is linked.
inline void park(Scheduler& scheduler, GreenletState& g, Waiter& waiter, Deadline by, const char* what) {
    g.waits_for = what;
    g.waits_since = scheduler.now();
    g.waiter = &waiter;
    if (by.is_never()) return scheduler.suspend();
    suspend_until(scheduler, waiter, by);
}

[[noreturn]] GROVE_COLD void throw_no_greenlet(const char* what) {
    throw std::logic_error{std::string{what} + ": only a greenlet can wait here; this is a plain thread"};
}

/// What may keep a wait from beginning. False: the deadline has passed.
inline bool may_wait(const Scheduler* scheduler, Deadline by, const char* what) {
    if (!scheduler || !running_greenlet) throw_no_greenlet(what);
    throw_if_signalled(*running_greenlet);
    return by.at() > scheduler->now() + turn_at_most || !by.passed();
}

inline void conclude(Scheduler& scheduler, GreenletState& g, bool interrupted) {
    if (interrupted) throw_signal(g);
    // A signal that came after the notification waits for the next wait; let checkpoint() know.
    if (g.signals != 0) scheduler.raise_breaker(breaker_bit::signalled);
}

}  // namespace

bool wait(WaitList& list, Deadline by, const char* what, void* payload) {
    Scheduler* const scheduler = Scheduler::here();
    if (!may_wait(scheduler, by, what)) return false;
    GreenletState& g = *running_greenlet;
    Waiter waiter{.greenlet = &g, .payload = payload};
    WaitListAccess::link(list, waiter);
    park(*scheduler, g, waiter, by, what);
    conclude(*scheduler, g, waiter.outcome == Waiter::Outcome::interrupted);
    return waiter.outcome == Waiter::Outcome::notified;
}

Waiter* wait_any(std::span<Waiter> waiters, Deadline by, const char* what) {
    Scheduler* const scheduler = Scheduler::here();
    if (!may_wait(scheduler, by, what)) return nullptr;
    GreenletState& g = *running_greenlet;
    WaitList only_the_deadline;
    Waiter first{.greenlet = &g};
    WaitListAccess::link(only_the_deadline, first);
    first.rival = &first;
    for (Waiter& waiter : waiters) {
        if (!waiter.list) continue;
        waiter.greenlet = &g;
        waiter.rival = std::exchange(first.rival, &waiter);
        WaitListAccess::link(*waiter.list, waiter);
    }
    park(*scheduler, g, first, by, what);
    conclude(*scheduler, g, first.outcome == Waiter::Outcome::interrupted);
    const auto notified = std::ranges::find(waiters, Waiter::Outcome::notified, &Waiter::outcome);
    return notified != waiters.end() ? &*notified : nullptr;
}

void WaitListAccess::link(WaitList& list, Waiter& waiter) noexcept {
    GROVE_ASSERT(
        !list.first_ || list.first_->greenlet->scheduler == waiter.greenlet->scheduler,
        "greenlets of two runtimes wait for the same thing: SharedQueue and RuntimeRef go between them");
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

void WaitListAccess::end(Waiter& waiter, Waiter::Outcome outcome) noexcept {
    GROVE_ASSERT(
        waiter.greenlet->scheduler->gil().held_here(),
        "a greenlet is woken by a thread that has not its Gil: RuntimeRef::post() or a SharedQueue does it");
    unlink(waiter);
    waiter.outcome = outcome;
    if (waiter.rival) withdraw_rivals(waiter);
    waiter.greenlet->waiter = nullptr;
    waiter.greenlet->scheduler->make_ready(*waiter.greenlet);
}

GROVE_COLD void WaitListAccess::withdraw_rivals(Waiter& chosen) noexcept {
    for (Waiter* rival = chosen.rival; rival != &chosen; rival = rival->rival) {
        unlink(*rival);
        rival->outcome = Waiter::Outcome::withdrawn;
    }
}

}  // namespace detail

WaitList::~WaitList() {
    GROVE_ASSERT(empty(), "a WaitList is destroyed while greenlets wait in it");
}

void WaitList::notify_first() noexcept {
    detail::WaitListAccess::end(*first_, detail::Waiter::Outcome::notified);
}

void WaitList::notify_all() noexcept {
    // Those who come while we notify wait for the next time: nobody runs in between.
    while (first_) notify_first();
}

}  // namespace grove
