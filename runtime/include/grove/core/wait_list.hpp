#pragma once

#include <grove/base/time.hpp>

#include <cstdint>

namespace grove {

class WaitList;

namespace detail {

struct GreenletState;
struct WaitListAccess;

/// A greenlet's place in a WaitList; lies on the waiting greenlet's stack.
/// Invariant: linked in `list` exactly while outcome == waiting.
struct Waiter {
    enum class Outcome : std::uint8_t { waiting, notified, timed_out, interrupted };

    GreenletState* greenlet = nullptr;
    WaitList* list = nullptr;
    Waiter* prev = nullptr;
    Waiter* next = nullptr;
    void* payload = nullptr;  ///< what the two sides hand over; the list's owner knows its type
    Outcome outcome = Outcome::waiting;
};

/// WaitList::wait with a name for reports ("Queue::get") and something to hand over. `what` is kept: a
/// literal. False at the deadline.
bool wait(WaitList&, Deadline, const char* what, void* payload = nullptr);

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
};

}  // namespace detail
}  // namespace grove
