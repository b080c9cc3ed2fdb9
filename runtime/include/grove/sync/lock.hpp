#pragma once

#include <grove/base/assert.hpp>
#include <grove/base/time.hpp>
#include <grove/core/detail/greenlet_state.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/sync/detail/deadline_at.hpp>

#include <chrono>
#include <concepts>
#include <mutex>

namespace grove {

/// A mutex for greenlets (a native thread under the Gil may try_lock). Locking it twice, unlocking another's
/// and destroying it held are asserted. Needed only where a critical section blocks: between two blocking
/// calls no other greenlet runs anyway. Meets TimedLockable: use std::scoped_lock and std::unique_lock.
class Lock {
public:
    Lock() noexcept = default;
    ~Lock() { GROVE_ASSERT(!owner_, "a Lock is destroyed while it is held"); }

    void lock();  ///< Requires: not held by this greenlet. Blocks.
    bool try_lock() noexcept;
    void unlock() noexcept;  ///< hands over to the longest waiter

    template <class Rep, class Period>
    bool try_lock_for(const std::chrono::duration<Rep, Period>&);  ///< Too long is never. Blocks.
    template <class AnyClock, class Duration>
    bool try_lock_until(const std::chrono::time_point<AnyClock, Duration>&);  ///< Blocks.

private:
    friend class RLock;
    friend class Condition;
    [[nodiscard]] bool wait_for_it(Deadline);
    void hand_over() noexcept;

    // Invariant: somebody owns it or nobody waits.
    const void* owner_ = nullptr;  // as detail::lock_owner() names it
    WaitList waiters_;
};

/// The same, but its owner may lock it again, and then unlocks it as often.
class RLock {
public:
    void lock();  ///< Blocks.
    bool try_lock() noexcept;
    void unlock() noexcept;

    template <class Rep, class Period>
    bool try_lock_for(const std::chrono::duration<Rep, Period>&);  ///< Too long is never. Blocks.
    template <class AnyClock, class Duration>
    bool try_lock_until(const std::chrono::time_point<AnyClock, Duration>&);  ///< Blocks.

    [[nodiscard]] bool owned() const noexcept;                        ///< by this greenlet
    [[nodiscard]] unsigned depth() const noexcept { return depth_; }  ///< of its owner; 0: nobody owns it

private:
    [[nodiscard]] bool try_again() noexcept;
    [[nodiscard]] bool lock_by(Deadline);

    Lock lock_;
    unsigned depth_ = 0;
};

/// Waits for a state that a Lock protects. However a wait ends (notified, deadline, kill), the lock is held
/// again when it leaves; taking it again never throws. A notification puts the waiter in line for the lock
/// there and then, so nobody who comes later gets in between.
class Condition {
public:
    /// Requires: `held` owns its Lock, the same for all who wait. Blocks.
    void wait(std::unique_lock<Lock>& held) { (void)wait(held, Deadline{}); }
    /// False if nobody notified by the deadline. Blocks.
    [[nodiscard]] bool wait(std::unique_lock<Lock>& held, Deadline);

    /// Waits until is_true(), which is called with the lock held. Blocks.
    void wait(std::unique_lock<Lock>& held, std::predicate auto is_true);
    /// The last value of is_true(). Blocks.
    [[nodiscard]] bool wait(std::unique_lock<Lock>& held, Deadline, std::predicate auto is_true);

    void notify_one() noexcept;
    void notify_all() noexcept;

private:
    struct Party;
    void notify_first() noexcept;

    WaitList waiters_;  // payload: Party
};

// ---------------------------------------------------------------------------------------------

namespace detail {

extern constinit thread_local char this_thread;

/// Who locks: the running greenlet or, outside of one, this thread.
[[nodiscard]] inline const void* lock_owner() noexcept {
    if (running_greenlet) return running_greenlet;
    return &this_thread;
}

}  // namespace detail

inline bool Lock::try_lock() noexcept {
    if (owner_) return false;
    owner_ = detail::lock_owner();
    return true;
}

inline void Lock::lock() {
    if (!try_lock()) (void)wait_for_it({});
}

inline void Lock::unlock() noexcept {
    GROVE_ASSERT(owner_ == detail::lock_owner(), "a Lock is unlocked by another than its owner");
    if (waiters_.empty()) {
        owner_ = nullptr;
    } else {
        hand_over();
    }
}

template <class Rep, class Period>
bool Lock::try_lock_for(const std::chrono::duration<Rep, Period>& delay) {
    return try_lock() || wait_for_it(delay);
}

template <class AnyClock, class Duration>
bool Lock::try_lock_until(const std::chrono::time_point<AnyClock, Duration>& at) {
    return try_lock() || wait_for_it(detail::deadline_at(at));
}

inline bool RLock::owned() const noexcept {
    return lock_.owner_ == detail::lock_owner();
}

inline bool RLock::try_again() noexcept {
    if (!owned()) return false;
    ++depth_;
    return true;
}

inline void RLock::lock() {
    if (!try_lock()) (void)lock_by({});
}

inline bool RLock::try_lock() noexcept {
    if (try_again()) return true;
    if (!lock_.try_lock()) return false;
    depth_ = 1;
    return true;
}

template <class Rep, class Period>
bool RLock::try_lock_for(const std::chrono::duration<Rep, Period>& delay) {
    return try_lock() || lock_by(delay);
}

template <class AnyClock, class Duration>
bool RLock::try_lock_until(const std::chrono::time_point<AnyClock, Duration>& at) {
    return try_lock() || lock_by(detail::deadline_at(at));
}

inline void RLock::unlock() noexcept {
    GROVE_ASSERT(owned(), "an RLock is unlocked by another than its owner");
    if (--depth_ > 0) return;
    lock_.unlock();
    if (lock_.owner_) depth_ = 1;  // handed over
}

inline void Condition::notify_one() noexcept {
    if (!waiters_.empty()) notify_first();
}

inline void Condition::notify_all() noexcept {
    while (!waiters_.empty()) notify_first();
}

void Condition::wait(std::unique_lock<Lock>& held, std::predicate auto is_true) {
    while (!is_true()) wait(held);
}

bool Condition::wait(std::unique_lock<Lock>& held, Deadline by, std::predicate auto is_true) {
    while (!is_true()) {
        if (!wait(held, by)) return is_true();
    }
    return true;
}

}  // namespace grove
