#include <grove/base/assert.hpp>
#include <grove/sync/barrier.hpp>

#include "sync/require_greenlet.hpp"

#include <utility>

namespace grove {

BrokenBarrier::BrokenBarrier() : std::runtime_error{"the barrier is broken"} {}

Barrier::Barrier(std::size_t parties, UniqueFunction<void()> action)
    : parties_{parties}, action_{std::move(action)} {
    GROVE_ASSERT(parties > 0, "a Barrier needs at least one party");
}

/// One call of wait(); lies on the waiting greenlet's stack.
struct Barrier::Party {
    enum class News { sent_away, let_go, last_to_arrive };

    News news = News::sent_away;
    std::size_t index = 0;   // once arrived
    std::uint64_t pass = 0;  // in which it came or, if that was later, arrived
};

std::size_t Barrier::wait(Deadline by) {
    if (broken_) throw BrokenBarrier{};
    if (arrived_ + 1 != parties_) detail::require_greenlet("Barrier::wait");
    Party party{.pass = pass_};
    if (arrived_ == parties_) {
        wait_in(newcomers_, party, by);
    } else {
        arrive(party);
        if (arrived_ == parties_) {
            party.news = Party::News::last_to_arrive;
        } else {
            wait_in(arrivals_, party, by);
        }
    }
    if (party.news == Party::News::sent_away) throw BrokenBarrier{};
    if (party.news == Party::News::last_to_arrive) run_action(party);
    return party.index;
}

void Barrier::reset() {
    end_pass(false);
    broken_ = false;
}

void Barrier::abort() {
    break_pass(pass_);
}

/// Until somebody has news. Who leaves without breaks the pass, if that still lasts.
void Barrier::wait_in(WaitList& list, Party& party, Deadline by) {
    struct BreakUnlessNotified {
        ~BreakUnlessNotified() {
            if (!notified) barrier.break_pass(party.pass);
        }
        Barrier& barrier;
        const Party& party;
        bool notified = false;
    } guard{*this, party};
    guard.notified = detail::wait(list, by, "Barrier::wait", &party);
}

void Barrier::arrive(Party& party) noexcept {
    party.index = arrived_++;
    party.pass = pass_;
}

void Barrier::run_action(const Party& party) {
    struct BreakUnlessDone {
        ~BreakUnlessDone() {
            if (!done) barrier.break_pass(pass);
        }
        Barrier& barrier;
        std::uint64_t pass;
        bool done = false;
    } guard{*this, party.pass};
    if (!is_complete(party.pass)) throw BrokenBarrier{};
    if (action_) action_();
    // Meanwhile others may have left, or called reset() or abort().
    if (!is_complete(party.pass)) throw BrokenBarrier{};
    guard.done = true;
    end_pass(true);
}

/// That pass still lasts, and all are there. Who has just been killed or timed out is not, though it has not
/// run yet to tell.
bool Barrier::is_complete(std::uint64_t pass) const noexcept {
    std::size_t there = 1;  // who asks
    for (auto* waiter = detail::WaitListAccess::first(arrivals_); waiter; waiter = waiter->next) ++there;
    return pass == pass_ && there == parties_;
}

void Barrier::end_pass(bool well) noexcept {
    const auto dismiss = [](WaitList& list, Party::News news) {
        while (const detail::Waiter* first = detail::WaitListAccess::first(list)) {
            static_cast<Party*>(first->payload)->news = news;
            list.notify_one();
        }
    };
    ++pass_;
    arrived_ = 0;
    dismiss(arrivals_, well ? Party::News::let_go : Party::News::sent_away);
    if (well) {
        admit_newcomers();
    } else {
        dismiss(newcomers_, Party::News::sent_away);
    }
}

void Barrier::admit_newcomers() noexcept {
    while (detail::Waiter* first = detail::WaitListAccess::first(newcomers_)) {
        if (arrived_ == parties_) return;
        Party& party = *static_cast<Party*>(first->payload);
        arrive(party);
        if (arrived_ == parties_) {
            party.news = Party::News::last_to_arrive;
            newcomers_.notify_one();
        } else {
            detail::WaitListAccess::unlink(*first);
            detail::WaitListAccess::link(arrivals_, *first);
        }
    }
}

void Barrier::break_pass(std::uint64_t pass) noexcept {
    if (pass != pass_) return;  // it has ended meanwhile
    broken_ = true;
    end_pass(false);
}

}  // namespace grove
