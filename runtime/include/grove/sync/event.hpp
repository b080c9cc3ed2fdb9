#pragma once

#include <grove/base/assert.hpp>
#include <grove/base/time.hpp>
#include <grove/base/value_slot.hpp>
#include <grove/core/wait_list.hpp>

#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>

namespace grove {

/// A flag greenlets can wait for. Stays set until cleared.
class Event {
public:
    void set() noexcept;  ///< wakes everyone who waits now, even if clear() follows at once
    void clear() noexcept { set_ = false; }
    [[nodiscard]] bool is_set() const noexcept { return set_; }

    void wait();                        ///< Blocks.
    [[nodiscard]] bool wait(Deadline);  ///< False if it was not set by then. Blocks.

private:
    friend struct detail::SelectAccess;

    WaitList waiters_;
    bool set_ = false;
};

/// A result that arrives once, by whatever road: another greenlet, a callback, a native thread.
template <class T = void>
class AsyncResult {
public:
    /// A second set() replaces the first, and ends what get() const& referred to.
    template <class... V>
    requires(std::is_void_v<T> ? sizeof...(V) == 0 : std::constructible_from<T, V...>) void set(V&&... value);
    /// Requires: there is one.
    void set_exception(std::exception_ptr) noexcept;

    [[nodiscard]] bool ready() const noexcept { return error_ || value_.filled(); }
    void wait() const;                        ///< Blocks.
    [[nodiscard]] bool wait(Deadline) const;  ///< False if nothing arrived by then. Blocks.

    /// Waits, then gives the value (const T&; T& if T is a reference) or rethrows the exception. Blocks.
    decltype(auto) get() const&;
    /// The same, moved out, for the last reader. Blocks.
    T get() &&;

private:
    friend struct detail::SelectAccess;
    void wait_and_check() const;

    detail::ValueSlot<T> value_;
    std::exception_ptr error_;  // counts before value_
    mutable WaitList waiters_;
};

// ---------------------------------------------------------------------------------------------

inline void Event::set() noexcept {
    set_ = true;
    if (!waiters_.empty()) waiters_.notify_all();
}

inline void Event::wait() {
    if (!set_) (void)detail::wait(waiters_, {}, "Event::wait");
}

inline bool Event::wait(Deadline by) {
    // Who was notified saw it set, whatever clear() did since.
    return set_ || detail::wait(waiters_, by, "Event::wait");
}

template <class T>
template <class... V>
requires(std::is_void_v<T> ? sizeof...(V) == 0
                           : std::constructible_from<T, V...>) void AsyncResult<T>::set(V&&... value) {
    value_.fill([&]() -> T { return T(std::forward<V>(value)...); });
    error_ = nullptr;
    waiters_.notify_all();
}

template <class T>
void AsyncResult<T>::set_exception(std::exception_ptr error) noexcept {
    GROVE_ASSERT(error, "AsyncResult::set_exception was given no exception");
    error_ = std::move(error);
    waiters_.notify_all();
}

template <class T>
void AsyncResult<T>::wait() const {
    if (!ready()) (void)detail::wait(waiters_, {}, "AsyncResult::wait");
}

template <class T>
bool AsyncResult<T>::wait(Deadline by) const {
    return ready() || detail::wait(waiters_, by, "AsyncResult::wait");
}

template <class T>
void AsyncResult<T>::wait_and_check() const {
    wait();
    if (error_) std::rethrow_exception(error_);
}

template <class T>
decltype(auto) AsyncResult<T>::get() const& {
    wait_and_check();
    return value_.get();
}

template <class T>
T AsyncResult<T>::get() && {
    wait_and_check();
    return value_.take();
}

}  // namespace grove
