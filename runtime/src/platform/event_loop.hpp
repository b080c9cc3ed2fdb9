#pragma once

#include <grove/base/time.hpp>

#include <memory>
#include <system_error>

namespace grove::detail {

/// What a descriptor became, as a set of bits.
enum class Readiness : unsigned {
    none = 0,
    readable = 1,
    writable = 2,
    hangup = 4,  ///< the peer has finished sending, or the connection is broken: stays so for good. Not told
                 ///< by a loop that needs rearm().
};

[[nodiscard]] constexpr Readiness operator|(Readiness a, Readiness b) noexcept {
    return static_cast<Readiness>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
[[nodiscard]] constexpr Readiness without(Readiness set, Readiness bit) noexcept {
    return static_cast<Readiness>(static_cast<unsigned>(set) & ~static_cast<unsigned>(bit));
}
[[nodiscard]] constexpr bool has(Readiness set, Readiness bit) noexcept {
    return (static_cast<unsigned>(set) & static_cast<unsigned>(bit)) != 0;
}

/// Somebody who wants to know when a descriptor became ready. Must be forgotten before it dies.
class FdWatch {
public:
    virtual void on_ready(Readiness) noexcept = 0;

protected:
    ~FdWatch() = default;
};

/// Where the scheduler sleeps, behind four verbs: poll, wake, watch, now. Knows descriptors and time, nothing
/// of greenlets; a test puts a virtual clock or a simulated network in its place.
///
/// A watch is told of changes (edge-triggered), once each; rearm() is for loops that cannot.
///
/// poll() collects what happened and may run without the Gil; deliver() tells the watches and runs under it.
/// All but wake() and wait_for_news() is called by the runtime's thread, or by a thread that holds its Gil.
class EventLoop {
public:
    virtual ~EventLoop() = default;

    /// Waits until something happened, wake() was called, or the deadline has come. One that has passed only
    /// looks. False if nothing happened.
    virtual bool poll(Deadline) = 0;
    /// Tells each watch what poll() collected for it, once. A watch that was forgotten meanwhile hears
    /// nothing.
    virtual void deliver() noexcept = 0;
    /// Ends a poll() that sleeps, or the next one. Any thread, and from signal handlers.
    virtual void wake() noexcept = 0;
    /// Waits, in real time, until wake() was called or a poll() would find something else at once, for so
    /// long at most; true if so. A loop that cannot tell without a poll() knows of wakes alone, or just
    /// waits. Any thread.
    virtual bool wait_for_news(std::chrono::nanoseconds at_most) const noexcept;
    /// From now on, tells `watch` of each change (edge-triggered), first of the state the descriptor is in.
    /// An error (EPERM: a regular file is always ready) leaves it unwatched.
    [[nodiscard]] virtual std::error_code watch(int fd, FdWatch& watch) = 0;
    /// The watch was told of this, has found nothing left there, and waits to be told again. A loop that
    /// knows states, not changes, looks from here on; until then it is silent, and nobody spins on what
    /// nobody wants. Nothing to do for the others.
    virtual void rearm(int fd, Readiness what) noexcept { (void)fd, (void)what; }
    /// Ends watching. To be called before the descriptor is closed.
    virtual void forget(int fd) noexcept = 0;
    /// The time, read now.
    [[nodiscard]] virtual Clock::time_point now() noexcept = 0;
    /// For reports: "epoll", "asio".
    [[nodiscard]] virtual const char* name() const noexcept = 0;
};

/// The loop on edge-triggered epoll.
[[nodiscard]] std::unique_ptr<EventLoop> make_epoll_loop();
/// The loop on nothing but Boost.Asio, for other systems and as a cross-check (decisions/0012).
[[nodiscard]] std::unique_ptr<EventLoop> make_asio_loop();
/// The one that GROVE_POLLER names: epoll, or asio. Epoll if it is not set. **Throws** std::invalid_argument
/// if it is neither.
[[nodiscard]] std::unique_ptr<EventLoop> make_event_loop();

}  // namespace grove::detail
