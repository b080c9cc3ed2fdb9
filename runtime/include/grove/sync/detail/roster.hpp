#pragma once

#include <grove/base/time.hpp>
#include <grove/core/detail/greenlet_state.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/wait_list.hpp>

#include <cstddef>
#include <list>

namespace grove::detail {

/// The members of a group: greenlets that have not ended. Being watched counts as being held by a handle.
///
/// Invariants:
/// 1. A member leaves the moment it ends, before anybody else runs.
/// 2. While killing_, every member has been asked to end. That ends with the last member, unless doomed_.
class Roster {
public:
    class Seat;

    Roster() noexcept = default;
    virtual ~Roster() = default;
    Roster(const Roster&) = delete;
    Roster& operator=(const Roster&) = delete;

    [[nodiscard]] bool contains(const GreenletState&) const noexcept;
    void discard(GreenletState&) noexcept;

    /// Asks all to end, also those who come before the last has gone.
    void kill() noexcept;
    /// Until nobody is left, be it for a moment. False at the deadline. `what` is kept: a literal.
    bool join(Deadline, const char* what);
    /// Kills and joins whoever is left. Not interrupted.
    void end_all() noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return untroubled_.size() + dying_.size(); }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

protected:
    /// A seat is free again. `who` had it; null: nobody yet.
    virtual void vacated(const GreenletState* who) noexcept { static_cast<void>(who); }
    /// From now on, or no longer, whoever comes is asked to end, even when nobody is left.
    void set_doomed(bool doomed) noexcept;

private:
    struct Member : EndWatch {
        explicit Member(Roster& r) noexcept : EndWatch{&Roster::member_ended}, roster{r} {}
        Roster& roster;
        std::list<Member>* home = nullptr;  // the list it is in
        std::list<Member>::iterator self{};
    };

    static void member_ended(EndWatch&, GreenletState&) noexcept;
    [[nodiscard]] Member* find(const GreenletState&) const noexcept;
    void remove(Member&, const GreenletState&) noexcept;
    void ask_first_to_end() noexcept;

    std::list<Member> untroubled_;
    std::list<Member> dying_;  // have been asked to end
    bool killing_ = false;
    bool doomed_ = false;
    WaitList joiners_;
};

/// A place in a roster, made before the greenlet is, so that nothing can fail once that runs. Given back
/// if nobody takes it.
class Roster::Seat {
public:
    explicit Seat(Roster&);
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    /// Requires: it has not ended and is no member.
    void take(GreenletState&) noexcept;

private:
    Roster& roster_;
    std::list<Member> member_;  // one, until it is taken
};

}  // namespace grove::detail
