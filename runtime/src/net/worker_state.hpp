#pragma once

#include <grove/net/workers.hpp>
#include <grove/sync/event.hpp>

#include "io/unique_fd.hpp"

#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace grove::detail {

/// What a Worker stands for: in the worker's process, on the stack of its main greenlet.
class WorkerState {
public:
    WorkerState(std::size_t index, unsigned number, std::vector<net::Listener> own, UniqueFd ready)
        : place{index}, generation{number}, listeners{std::move(own)}, ready_{std::move(ready)} {}

    void tell_ready() noexcept { (void)os().write(ready_.get(), "r", 1); }  // a master that is gone kills us
    void stop(std::chrono::milliseconds grace) {
        if (stop_.is_set()) return;
        until_ = grace;
        stop_.set();
    }
    void wait_for_stop() { stop_.wait(); }
    [[nodiscard]] Deadline until() const noexcept { return until_; }

    const std::size_t place;
    const unsigned generation;
    std::vector<net::Listener> listeners;  // one per endpoint

private:
    UniqueFd ready_;  // the master waits at the other end
    Event stop_;
    Deadline until_;
};

struct WorkerAccess {
    [[nodiscard]] static net::Worker make(WorkerState& state) noexcept { return net::Worker{state}; }
};

}  // namespace grove::detail
