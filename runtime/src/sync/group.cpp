#include <grove/base/assert.hpp>
#include <grove/sync/group.hpp>

namespace grove {

namespace {

bool can_join(const detail::Roster& roster, const detail::GreenletState* g) noexcept {
    return g && !g->ended() && !roster.contains(*g);
}

void discard_from(detail::Roster& roster, const GreenletRef& greenlet) noexcept {
    if (greenlet) roster.discard(*detail::GreenletAccess::state(greenlet));
}

}  // namespace

// --- Group ------------------------------------------------------------------------------------

void Group::add(const GreenletRef& greenlet) {
    detail::GreenletState* const state = detail::GreenletAccess::state(greenlet);
    if (can_join(roster_, state)) take_seat().take(*state);
}

void Group::discard(const GreenletRef& greenlet) noexcept {
    discard_from(roster_, greenlet);
}

// --- Pool -------------------------------------------------------------------------------------

Pool::Pool(std::size_t size) : size_{size}, roster_{size} {
    GROVE_ASSERT(size > 0, "a Pool needs at least one place");
}

void Pool::add(const GreenletRef& greenlet) {
    // Counted: the caller's handle may be gone when there is a place.
    const detail::GreenletPtr state{detail::GreenletAccess::state(greenlet)};
    if (!can_join(roster_, state.get())) return;
    detail::Roster::Seat seat = take_seat();
    if (can_join(roster_, state.get())) seat.take(*state);
}

void Pool::discard(const GreenletRef& greenlet) noexcept {
    discard_from(roster_, greenlet);
}

void Pool::wait_available() {
    (void)roster_.acquire({});
    roster_.release();
}

detail::Roster::Seat Pool::take_seat() {
    (void)roster_.acquire({});
    return detail::Roster::Seat{roster_};
}

bool Pool::lends_place() const noexcept {
    const detail::GreenletState* caller = detail::running_greenlet;
    return full() && caller && roster_.contains(*caller);
}

bool Pool::Places::acquire(Deadline by) {
    if (free_ == 0) return detail::wait(waiters_, by, "Pool::spawn");
    --free_;
    return true;
}

void Pool::Places::release() noexcept {
    if (!waiters_.notify_one()) ++free_;
}

// --- TaskGroup --------------------------------------------------------------------------------

bool TaskGroup::join(Deadline by) {
    while (!roster_.empty()) {
        if (!roster_.join(by, "TaskGroup::join")) return false;
    }
    if (std::exception_ptr failure = roster_.take_failure()) std::rethrow_exception(std::move(failure));
    return true;
}

std::exception_ptr TaskGroup::Tasks::take_failure() noexcept {
    set_doomed(false);
    return std::exchange(failure_, nullptr);
}

void TaskGroup::Tasks::vacated(const detail::GreenletState* who) noexcept {
    if (!who || !who->error || failure_) return;
    failure_ = who->error;
    set_doomed(true);
}

}  // namespace grove
