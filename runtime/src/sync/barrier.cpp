#include <grove/base/assert.hpp>
#include <grove/sync/barrier.hpp>

#include <utility>

namespace grove {

BrokenBarrier::BrokenBarrier() : std::runtime_error{"the barrier is broken"} {}

Barrier::Barrier(std::size_t parties, UniqueFunction<void()> action)
    : parties_{parties}, action_{std::move(action)} {
    GROVE_ASSERT(parties > 0, "a Barrier needs at least one party");
}

std::size_t Barrier::wait(Deadline by) {
    while (!broken_ && arrived_ == parties_) wait_in(newcomers_, by);
    if (broken_) throw BrokenBarrier{};

    const std::size_t index = arrived_++;
    if (arrived_ < parties_) {
        wait_in(waiters_, by);
    } else {
        run_action();
    }
    return index;
}

void Barrier::reset() {
    end_pass(false);
    broken_ = false;
}

void Barrier::abort() { break_pass(pass_); }

/// Until the pass has ended well. Who leaves otherwise breaks the barrier, unless it was woken because it is.
void Barrier::wait_in(WaitList& list, Deadline by) {
    struct BreakUnlessWoken {
        ~BreakUnlessWoken() {
            if (!woken) barrier.break_pass(barrier.pass_);
        }
        Barrier& barrier;
        bool woken = false;
    } guard{*this};
    bool well = false;
    guard.woken = detail::wait(list, by, "Barrier::wait", &well);
    if (!well) throw BrokenBarrier{};
}

void Barrier::run_action() {
    // The action may block: meanwhile others may leave, or call reset() or abort(), and so end the pass.
    struct BreakUnlessDone {
        ~BreakUnlessDone() {
            if (!done) barrier.break_pass(pass);
        }
        Barrier& barrier;
        std::uint64_t pass;
        bool done = false;
    } guard{*this, pass_};
    if (action_) action_();
    guard.done = true;
    if (pass_ != guard.pass) throw BrokenBarrier{};
    end_pass(true);
}

void Barrier::end_pass(bool well) noexcept {
    ++pass_;
    arrived_ = 0;
    for (WaitList* list : {&waiters_, &newcomers_}) {
        while (const detail::Waiter* first = detail::WaitListAccess::first(*list)) {
            *static_cast<bool*>(first->payload) = well;
            list->notify_one();
        }
    }
}

void Barrier::break_pass(std::uint64_t pass) noexcept {
    if (pass != pass_) return;  // it has ended meanwhile
    broken_ = true;
    end_pass(false);
}

}  // namespace grove
