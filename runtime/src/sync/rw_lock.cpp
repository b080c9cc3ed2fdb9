#include <grove/sync/lock.hpp>
#include <grove/sync/rw_lock.hpp>

namespace grove {

bool RWLock::try_lock() noexcept {
    if (writer_ || readers_ > 0) return false;
    writer_ = detail::lock_owner();
    return true;
}

void RWLock::lock() {
    if (!try_lock()) (void)wait_to(Want::to_write, {});
}

void RWLock::unlock() noexcept {
    GROVE_ASSERT(writer_ == detail::lock_owner(), "an RWLock is unlocked by another than its writer");
    writer_ = nullptr;
    let_in();
}

bool RWLock::try_lock_shared() noexcept {
    if (writer_ || !waiters_.empty()) return false;
    ++readers_;
    return true;
}

void RWLock::lock_shared() {
    if (!try_lock_shared()) (void)wait_to(Want::to_read, {});
}

void RWLock::unlock_shared() noexcept {
    GROVE_ASSERT(readers_ > 0, "an RWLock is unlocked that nobody reads");
    --readers_;
    let_in();
}

bool RWLock::wait_to(Want want, Deadline by) {
    GROVE_ASSERT(writer_ != detail::lock_owner(), "a greenlet locks an RWLock that it holds");
    // A writer that gives up may have kept readers out.
    struct LeaveQueue {
        ~LeaveQueue() {
            if (!entered) lock.let_in();
        }
        RWLock& lock;
        bool entered = false;
    } leave_queue{*this};
    leave_queue.entered = detail::wait(waiters_, by, "RWLock", &want);
    return leave_queue.entered;
}

void RWLock::let_in() noexcept {
    while (const detail::Waiter* first = detail::WaitListAccess::first(waiters_)) {
        if (writer_) return;
        if (*static_cast<const Want*>(first->payload) == Want::to_write) {
            if (readers_ > 0) return;
            writer_ = first->greenlet;
        } else {
            ++readers_;
        }
        waiters_.notify_one();
    }
}

}  // namespace grove
