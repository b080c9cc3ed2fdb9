#pragma once

#include <grove/core/stats.hpp>

#include "core/ready_queue.hpp"

#include <chrono>
#include <deque>
#include <map>
#include <utility>

namespace grove::detail {

void note_delay(DelayStats&, std::chrono::nanoseconds) noexcept;

/// What is counted per spawn site while profiling is on. The hub tells it of every greenlet that runs; so it
/// sees those made ready meanwhile only when that one is done, and takes their delay from there.
class Profile {
public:
    using Time = Clock::time_point;

    void note_ready(const ReadyQueue&, Time now);         ///< stamps who came since the last time
    void note_turn(const GreenletState& next, Time now);  ///< it leaves the queue, and runs
    void note_end_of_turn(Time now) noexcept;
    void note_offload(SourceSite, std::chrono::nanoseconds delay);
    [[nodiscard]] std::vector<SpawnSiteStats> sites() const;

private:
    SpawnSiteStats& at(SourceSite);

    std::map<std::pair<const char*, unsigned>, SpawnSiteStats> sites_;
    std::deque<Time> ready_since_;                 // as long as the queue, in its order
    const GreenletState* last_stamped_ = nullptr;  // null: none of those in the queue
    SpawnSiteStats* running_ = nullptr;
    Time running_since_{};
};

}  // namespace grove::detail
