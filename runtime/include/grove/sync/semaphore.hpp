#pragma once

#include <grove/base/time.hpp>
#include <grove/core/wait_list.hpp>

#include <cstddef>

namespace grove {

/// So many permits; who finds none waits, first come first served. A permit that is released
/// while someone waits goes straight to the longest waiter, so no newcomer can take it first.
class Semaphore {
public:
    explicit Semaphore(std::size_t permits = 1) noexcept : permits_{permits} {}

    void acquire();                        ///< Blocks.
    [[nodiscard]] bool acquire(Deadline);  ///< False if there was none by the deadline. Blocks.
    [[nodiscard]] bool try_acquire() noexcept;
    /// Gives n permits back. They need not have been acquired: a release may also add.
    void release(std::size_t n = 1) noexcept;

    [[nodiscard]] std::size_t available() const noexcept { return permits_; }

private:
    friend struct detail::SelectAccess;
    void release_slow(std::size_t n) noexcept;

    // Invariant: permits_ == 0 or nobody waits.
    std::size_t permits_;
    WaitList waiters_;
};

/// A Semaphore whose release() above the initial number throws std::logic_error and changes nothing.
class BoundedSemaphore {
public:
    explicit BoundedSemaphore(std::size_t permits = 1) noexcept : semaphore_{permits}, limit_{permits} {}

    void acquire() { semaphore_.acquire(); }                                    ///< Blocks.
    [[nodiscard]] bool acquire(Deadline by) { return semaphore_.acquire(by); }  ///< Blocks.
    [[nodiscard]] bool try_acquire() noexcept { return semaphore_.try_acquire(); }
    void release(std::size_t n = 1);

    [[nodiscard]] std::size_t available() const noexcept { return semaphore_.available(); }

private:
    [[noreturn]] static void throw_too_many();

    Semaphore semaphore_;
    std::size_t limit_;
};

// ---------------------------------------------------------------------------------------------

inline bool Semaphore::try_acquire() noexcept {
    if (permits_ == 0) return false;
    --permits_;
    return true;
}

// A notified waiter owns its permit already (see release_slow), so there is nothing to re-check.
inline void Semaphore::acquire() {
    if (!try_acquire()) (void)detail::wait(waiters_, {}, "Semaphore::acquire");
}

inline bool Semaphore::acquire(Deadline by) {
    return try_acquire() || detail::wait(waiters_, by, "Semaphore::acquire");
}

inline void Semaphore::release(std::size_t n) noexcept {
    if (waiters_.empty()) {
        permits_ += n;
    } else {
        release_slow(n);
    }
}

inline void BoundedSemaphore::release(std::size_t n) {
    if (n > limit_ - available()) throw_too_many();
    semaphore_.release(n);
}

}  // namespace grove
