#pragma once

#include <chrono>
#include <concepts>

// The standard's named requirements for mutexes, as concepts.

namespace grove::testing {

template <class M>
concept Lockable = requires(M& m) {
    { m.lock() } -> std::same_as<void>;
    { m.unlock() } -> std::same_as<void>;
    { m.try_lock() } -> std::same_as<bool>;
};

template <class M>
concept TimedLockable = Lockable<M> && requires(M& m,
                                                std::chrono::duration<double> delay,
                                                std::chrono::milliseconds milliseconds,
                                                std::chrono::system_clock::time_point at,
                                                std::chrono::steady_clock::time_point steady_at) {
    { m.try_lock_for(delay) } -> std::same_as<bool>;
    { m.try_lock_for(milliseconds) } -> std::same_as<bool>;
    { m.try_lock_until(at) } -> std::same_as<bool>;
    { m.try_lock_until(steady_at) } -> std::same_as<bool>;
};

template <class M>
concept SharedTimedLockable = requires(M& m,
                                       std::chrono::milliseconds delay,
                                       std::chrono::system_clock::time_point at) {
    { m.lock_shared() } -> std::same_as<void>;
    { m.unlock_shared() } -> std::same_as<void>;
    { m.try_lock_shared() } -> std::same_as<bool>;
    { m.try_lock_shared_for(delay) } -> std::same_as<bool>;
    { m.try_lock_shared_until(at) } -> std::same_as<bool>;
};

}  // namespace grove::testing
