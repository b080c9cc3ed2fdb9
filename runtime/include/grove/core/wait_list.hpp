#pragma once

#include <grove/base/time.hpp>

#include <cstdint>
#include <span>

namespace grove {

class WaitList;

namespace detail {

struct GreenletState;
struct SelectAccess;
struct WaitListAccess;

/// A greenlet's place in a WaitList; lies on the waiting greenlet's stack. One that waits for the first of
/// several things has a place in each list; the first to be notified withdraws the others there and then.
/// Invariant: linked in `list` exactly while outcome == waiting.
struct Waiter {
    enum class Outcome : std::uint8_t { waiting, notified, timed_out, interrupted, withdrawn };

    GreenletState* greenlet = nullptr;
    WaitList* list = nullptr;
    Waiter* prev = nullptr;
    Waiter* next = nullptr;
    void* payload = nullptr;  ///< what the two sides hand over; the list's owner knows its type
    Waiter* rival = nullptr;  ///< the next of this greenlet's places, in a ring; null: it has this one
    Outcome outcome = Outcome::waiting;
};

/// WaitList::wait with a name for reports ("Queue::get") and something to hand over. `what` is kept: a
/// literal. False at the deadline.
bool wait(WaitList&, Deadline, const char* what, void* payload = nullptr);

/// The same for the first of several, whose lists (those of null are passed over) and payloads are
/// given. Null at the deadline.
[[nodiscard]] Waiter* wait_any(std::span<Waiter>, Deadline, const char* what);

}  // namespace detail

/// Greenlets waiting for one thing, first come first served. Everything in grove that blocks is
/// built on this class; use it to build your own.
///
/// A waiter lives on the waiting greenlet's stack, so waiting allocates nothing. A greenlet that has
/// been notified returns from wait() even if it was killed or timed out in the same turn: what
/// was handed to it is never lost. The kill is thrown by its next wait.
class WaitList {
public:
    WaitList() noexcept = default;
    ~WaitList();  ///< Requires: nobody waits.
    WaitList(const WaitList&) = delete;
    WaitList& operator=(const WaitList&) = delete;

    /// Until notified. Throws std::logic_error outside of a greenlet. Blocks.
    void wait() { detail::wait(*this, {}, "a WaitList"); }
    /// False at the deadline. Blocks.
    [[nodiscard]] bool wait(Deadline by) { return detail::wait(*this, by, "a WaitList"); }

    /// False if nobody waited.
    bool notify_one() noexcept { return first_ != nullptr && (notify_first(), true); }
    void notify_all() noexcept;
    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

private:
    friend struct detail::WaitListAccess;
    void notify_first() noexcept;

    detail::Waiter* first_ = nullptr;
    detail::Waiter* last_ = nullptr;
};

/// While it lives, a blocking call on this thread is a programming error (asserted in debug).
class NoSwitch {
public:
    NoSwitch() noexcept;
    ~NoSwitch();
    NoSwitch(const NoSwitch&) = delete;
    NoSwitch& operator=(const NoSwitch&) = delete;
};

namespace detail {

/// For the primitives built on WaitList: a look at who waits first.
struct WaitListAccess {
    [[nodiscard]] static Waiter* first(const WaitList& list) noexcept { return list.first_; }
    static void link(WaitList&, Waiter&) noexcept;
    static void unlink(Waiter&) noexcept;
    /// Ends the wait of a greenlet, which will run. Requires: its outcome is `waiting`.
    static void end(Waiter&, Waiter::Outcome) noexcept;

private:
    static void withdraw_rivals(Waiter&) noexcept;
};

}  // namespace detail
}  // namespace grove
