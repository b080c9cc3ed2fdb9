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
    struct Party;

    void wait_in(WaitList&, Party&, Deadline);
    void arrive(Party&) noexcept;
    void run_action(const Party&);
    [[nodiscard]] bool is_complete(std::uint64_t pass) const noexcept;
    void end_pass(bool well) noexcept;
    void admit_newcomers() noexcept;
    void break_pass(std::uint64_t pass) noexcept;

    std::size_t parties_;
    UniqueFunction<void()> action_;

    // A pass ends well, broken, or by reset(). Invariant: arrived_ < parties_, or the last to arrive runs the
    // action or is about to.
    std::uint64_t pass_ = 0;
    std::size_t arrived_ = 0;
    bool broken_ = false;
    WaitList arrivals_;   // of this pass; payload: Party
    WaitList newcomers_;  // came while the action ran: the first arrivals of the next pass; payload: Party
};

}  // namespace grove
