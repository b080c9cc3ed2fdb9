#pragma once

#include <grove/core/detail/greenlet_state.hpp>

namespace grove::detail {

/// Greenlets that may run, first in first out. Linked through the greenlets.
class ReadyQueue {
public:
    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }

    void push_back(GreenletState& g) noexcept {
        g.next_ready = nullptr;
        *end_ = &g;
        end_ = &g.next_ready;
    }
    /// Requires: not empty.
    [[nodiscard]] GreenletState& front() const noexcept { return *first_; }
    /// Requires: not empty.
    GreenletState& pop_front() noexcept {
        GreenletState& g = *first_;
        first_ = g.next_ready;
        if (!first_) end_ = &first_;
        return g;
    }

private:
    GreenletState* first_ = nullptr;
    GreenletState** end_ = &first_;  // where the next one is linked
};

}  // namespace grove::detail
