#include <grove/core/timeout.hpp>
#include <grove/sync/lock.hpp>

#include "sync/require_greenlet.hpp"

namespace grove {

namespace detail {
constinit thread_local char this_thread = 0;
}

bool Lock::wait_for_it(Deadline by) {
    GROVE_ASSERT(owner_ != detail::lock_owner(), "a greenlet locks a Lock that it holds");
    return detail::wait(waiters_, by, "Lock::lock");
}

void Lock::hand_over() noexcept {
    owner_ = detail::WaitListAccess::first(waiters_)->greenlet;
    waiters_.notify_one();
}

bool RLock::lock_by(Deadline by) {
    if (!lock_.wait_for_it(by)) return false;
    depth_ = 1;
    return true;
}

// --- Condition --------------------------------------------------------------------------------

/// One call of wait(); lies on the waiting greenlet's stack.
struct Condition::Party {
    explicit Party(Lock& l) noexcept : lock{l} { lock.unlock(); }
    ~Party() {
        if (has_lock) return;
        const Shield shield;
        lock.lock();
    }
    Party(const Party&) = delete;
    Party& operator=(const Party&) = delete;

    Lock& lock;
    bool notified = false;
    bool has_lock = false;
};

bool Condition::wait(std::unique_lock<Lock>& held, Deadline by) {
    detail::require_greenlet("Condition::wait");
    GROVE_ASSERT(held.owns_lock(), "Condition::wait needs the lock held");
    Party party{*held.mutex()};
    party.has_lock = detail::wait(waiters_, by, "Condition::wait", &party);
    return party.notified;
}

/// Gives the lock to the first waiter or, if somebody has it, moves the waiter on to those who wait for it.
/// There neither a kill nor its deadline ends the wait: it has been notified, and needs the lock in any case.
void Condition::notify_first() noexcept {
    detail::Waiter& waiter = *detail::WaitListAccess::first(waiters_);
    Party& party = *static_cast<Party*>(waiter.payload);
    party.notified = true;
    if (!party.lock.owner_) {
        party.lock.owner_ = waiter.greenlet;
        waiters_.notify_one();
    } else {
        detail::WaitListAccess::unlink(waiter);
        detail::WaitListAccess::link(party.lock.waiters_, waiter);
        waiter.greenlet->waiter = nullptr;
    }
}

}  // namespace grove
