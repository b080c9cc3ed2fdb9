#pragma once

#include <grove/base/time.hpp>
#include <grove/base/unique_function.hpp>
#include <grove/core/wait_list.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace grove {

class BrokenBarrier : public std::runtime_error {
public:
    BrokenBarrier();
};

/// n greenlets wait for each other, again and again. One that times out, is killed, or whose action throws
/// breaks it for all: everybody gets BrokenBarrier until reset() (whose action threw: its own exception).
class Barrier {
public:
    /// Requires: parties > 0. action runs once per pass, in the last to arrive, before anyone leaves.
    explicit Barrier(std::size_t parties, UniqueFunction<void()> action = {});

    /// The index of arrival, unique in 0..parties-1. Throws BrokenBarrier, also at the deadline. Blocks.
    std::size_t wait(Deadline = {});
    void reset();  ///< who waits gets BrokenBarrier; then as new
    void abort();  ///< broken until reset()

    [[nodiscard]] std::size_t parties() const noexcept { return parties_; }
    [[nodiscard]] std::size_t waiting() const noexcept { return arrived_; }
    [[nodiscard]] bool broken() const noexcept { return broken_; }

private:
    void wait_in(WaitList&, Deadline);
    void run_action();
    void end_pass(bool well) noexcept;
    void break_pass(std::uint64_t pass) noexcept;

    std::size_t parties_;
    UniqueFunction<void()> action_;

    // A pass ends well, by reset() or broken; whoever waited in it is woken and told which.
    std::uint64_t pass_ = 0;
    std::size_t arrived_ = 0;  // in this pass; below parties_ unless the action runs
    bool broken_ = false;
    WaitList waiters_;   // have arrived; payload: bool, did the pass end well
    WaitList newcomers_;  // came while the action ran, and arrive when the pass has ended; payload: the same
};

}  // namespace grove
