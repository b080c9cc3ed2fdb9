#pragma once

#include <grove/base/unique_function.hpp>
#include <grove/core/wait_list.hpp>

#include <cstddef>
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

    std::size_t wait(Deadline = {});  ///< the index of arrival, unique in 0..parties-1. Blocks.
    void reset();                     ///< who waits gets BrokenBarrier; then as new
    void abort();                     ///< broken until reset()
    [[nodiscard]] std::size_t parties() const noexcept;
    [[nodiscard]] std::size_t waiting() const noexcept;
    [[nodiscard]] bool broken() const noexcept;
};

}  // namespace grove
