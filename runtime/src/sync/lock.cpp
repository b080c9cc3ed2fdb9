#include <grove/core/timeout.hpp>
#include <grove/sync/lock.hpp>

#include <stdexcept>

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

bool Condition::wait(std::unique_lock<Lock>& held, Deadline by) {
    // Asked before the lock is let go: a plain thread could not wait for it again.
    if (!detail::running_greenlet) throw std::logic_error{"Condition::wait: only a greenlet can wait here"};
    GROVE_ASSERT(held.owns_lock(), "Condition::wait needs the lock held");
    struct Unlocked {
        explicit Unlocked(Lock& l) noexcept : lock{l} { lock.unlock(); }
        ~Unlocked() {
            const Shield shield;
            lock.lock();
        }
        Unlocked(const Unlocked&) = delete;
        Unlocked& operator=(const Unlocked&) = delete;
        Lock& lock;
    };
    const Unlocked unlocked{*held.mutex()};
    return detail::wait(waiters_, by, "Condition::wait");
}

}  // namespace grove
