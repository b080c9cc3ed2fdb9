#include "core/profile.hpp"

#include <algorithm>
#include <functional>

namespace grove::detail {

void note_delay(DelayStats& stats, std::chrono::nanoseconds delay) noexcept {
    ++stats.count;
    stats.total += delay;
    stats.longest = std::max(stats.longest, delay);
}

SpawnSiteStats& Profile::at(SourceSite site) {
    SpawnSiteStats& stats = sites_[{site.file, site.line}];
    stats.site = site;
    return stats;
}

void Profile::note_ready(const ReadyQueue& ready, Time now) {
    const GreenletState* g = last_stamped_   ? last_stamped_->next_ready
                             : ready.empty() ? nullptr
                                             : &ready.front();
    for (; g; g = g->next_ready) {
        ready_since_.push_back(now);
        last_stamped_ = g;
    }
}

void Profile::note_turn(const GreenletState& next, Time now) {
    running_ = &at(next.site);
    running_since_ = now;
    note_delay(running_->ready, now - ready_since_.front());
    ready_since_.pop_front();
    if (last_stamped_ == &next) last_stamped_ = nullptr;
}

void Profile::note_end_of_turn(Time now) noexcept {
    if (!running_) return;
    const std::chrono::nanoseconds ran = now - running_since_;
    running_->ran += ran;
    running_->longest_run = std::max(running_->longest_run, ran);
    running_ = nullptr;
}

void Profile::note_offload(SourceSite site, std::chrono::nanoseconds delay) {
    note_delay(at(site).offload, delay);
}

std::vector<SpawnSiteStats> Profile::sites() const {
    std::vector<SpawnSiteStats> all;
    for (const auto& [place, stats] : sites_) all.push_back(stats);
    std::ranges::sort(all, std::greater{}, &SpawnSiteStats::ran);
    return all;
}

}  // namespace grove::detail
