#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace grove {

namespace detail {
struct GilState;
struct GilAccess;
class Scheduler;
}  // namespace detail

/// The one lock greenlets run under. The runtime's thread holds it whenever a greenlet runs and lets
/// go while it sleeps in the event loop and inside allow_threads(). Any other thread that takes
/// it may touch what greenlets touch and call any grove function that does not block:
///
///     std::scoped_lock held{runtime.gil()};   // a RuntimeRef; inside offload() grove::gil() does
///     results.put_nowait(std::move(row));     // wakes the greenlet in results.get()
///
/// A thread that waits asks the holder for it after one switch interval; the holder gives it up at its next
/// switch or checkpoint(), and gets it back only after somebody else has had it (forced switching, as in
/// CPython). Not recursive. A runtime does not end before a thread that gave it up so, or in allow_threads(),
/// or to wait, has had it back and unlocked it; to spawn then is Errc::closed.
class Gil {
public:
    explicit Gil(std::chrono::microseconds switch_interval);
    ~Gil();
    Gil(const Gil&) = delete;
    Gil& operator=(const Gil&) = delete;

    void lock();  ///< Throws Errc::closed if the runtime has ended or ends meanwhile. Any thread.
    bool try_lock() noexcept;  ///< Any thread.
    void unlock() noexcept;
    [[nodiscard]] bool held_here() const noexcept;  ///< by the calling thread. Any thread.

    [[nodiscard]] std::chrono::microseconds switch_interval() const noexcept;  ///< Any thread.
    void set_switch_interval(std::chrono::microseconds) noexcept;              ///< Any thread.

    struct Stats {
        std::uint64_t handovers = 0;              ///< changes of holder
        std::uint64_t forced_handovers = 0;       ///< of these, asked for by a waiter
        std::chrono::nanoseconds held{};          ///< by the runtime's thread
        std::chrono::nanoseconds waited{};        ///< by the runtime's thread, to get it back
        std::chrono::nanoseconds longest_hold{};  ///< while somebody waited
    };
    [[nodiscard]] Stats stats() const noexcept;  ///< Any thread.

private:
    friend class detail::Scheduler;
    friend struct detail::GilAccess;
    bool acquire(bool comes_back) noexcept;
    std::unique_ptr<detail::GilState> state_;
};

/// The Gil of this_runtime().
[[nodiscard]] Gil& gil();

/// Calls f on this thread with the Gil released. Other threads may take it; other greenlets do not
/// run: for short native calls. Longer ones belong in offload(). Keeps errno.
/// Requires: f calls nothing of grove's that needs the Gil.
template <class F>
decltype(auto) allow_threads(F&& f);

// ---------------------------------------------------------------------------------------------

namespace detail {

/// Lets go of whatever Gil this thread holds, for a scope; takes it again without throwing.
/// errno after it is what it was when the scope ended.
class GilReleased {
public:
    GilReleased() noexcept;
    ~GilReleased();
    GilReleased(const GilReleased&) = delete;
    GilReleased& operator=(const GilReleased&) = delete;

private:
    Gil* gil_;
};

}  // namespace detail

template <class F>
decltype(auto) allow_threads(F&& f) {
    detail::GilReleased released;
    return std::invoke(std::forward<F>(f));
}

}  // namespace grove
