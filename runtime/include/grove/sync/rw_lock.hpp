#pragma once

#include <grove/base/assert.hpp>
#include <grove/base/time.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/sync/detail/deadline_at.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace grove {

/// Many readers or one writer. First come first served: a reader that comes after a waiting writer waits
/// behind it, so writers do not starve, and a reader must not lock it twice. Meets SharedTimedLockable: use
/// std::shared_lock to read and std::unique_lock to write.
class RWLock {
public:
    RWLock() noexcept = default;
    ~RWLock() { GROVE_ASSERT(!writer_ && readers_ == 0, "an RWLock is destroyed while it is held"); }

    void lock();  ///< Requires: not held by this greenlet. Blocks.
    bool try_lock() noexcept;
    void unlock() noexcept;
    template <class Rep, class Period>
    bool try_lock_for(const std::chrono::duration<Rep, Period>&);  ///< Too long is never. Blocks.
    template <class AnyClock, class Duration>
    bool try_lock_until(const std::chrono::time_point<AnyClock, Duration>&);  ///< Blocks.

    void lock_shared();               ///< Requires: not held by this greenlet. Blocks.
    bool try_lock_shared() noexcept;  ///< false also if a writer waits
    void unlock_shared() noexcept;
    template <class Rep, class Period>
    bool try_lock_shared_for(const std::chrono::duration<Rep, Period>&);  ///< Blocks.
    template <class AnyClock, class Duration>
    bool try_lock_shared_until(const std::chrono::time_point<AnyClock, Duration>&);  ///< Blocks.

private:
    enum class Want : std::uint8_t { to_read, to_write };

    [[nodiscard]] bool wait_to(Want, Deadline);
    void let_in() noexcept;

    // Invariants: a writer or readers, not both; whoever waits longest could not be let in now.
    const void* writer_ = nullptr;  // as detail::lock_owner() names it
    std::size_t readers_ = 0;
    WaitList waiters_;  // payload: Want
};

// ---------------------------------------------------------------------------------------------

template <class Rep, class Period>
bool RWLock::try_lock_for(const std::chrono::duration<Rep, Period>& delay) {
    return try_lock() || wait_to(Want::to_write, delay);
}

template <class AnyClock, class Duration>
bool RWLock::try_lock_until(const std::chrono::time_point<AnyClock, Duration>& at) {
    return try_lock() || wait_to(Want::to_write, detail::deadline_at(at));
}

template <class Rep, class Period>
bool RWLock::try_lock_shared_for(const std::chrono::duration<Rep, Period>& delay) {
    return try_lock_shared() || wait_to(Want::to_read, delay);
}

template <class AnyClock, class Duration>
bool RWLock::try_lock_shared_until(const std::chrono::time_point<AnyClock, Duration>& at) {
    return try_lock_shared() || wait_to(Want::to_read, detail::deadline_at(at));
}

}  // namespace grove
