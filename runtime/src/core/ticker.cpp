#include "core/ticker.hpp"

#include "core/gil_state.hpp"
#include "core/scheduler.hpp"

#include <utility>

namespace grove::detail {

namespace {
// Two looks without a switch in between: the one who runs has had a slice, or up to half a slice more.
constexpr int looks_per_slice = 2;
constexpr int ticks_per_watch = 80;  // 20 ms at the default slice
}

Ticker::Ticker(std::chrono::microseconds slice, Scheduler& scheduler)
    : slice_{slice}, scheduler_{scheduler}, thread_{[this] { work(); }} {}

Ticker::~Ticker() {
    {
        const std::scoped_lock lock{mutex_};
        ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void Ticker::watch_for_a_while() noexcept {
    const std::scoped_lock lock{mutex_};
    if (std::exchange(ticks_left_, ticks_per_watch) == 0) changed_.notify_one();
}

void Ticker::work() noexcept {
    std::unique_lock lock{mutex_};
    std::uint64_t seen = 0;
    int looks = 0;
    while (!ending_) {
        if (ticks_left_ == 0) {
            changed_.wait(lock, [this] { return ending_ || ticks_left_ > 0; });
            seen = scheduler_.switches();
            looks = 0;
            continue;
        }
        if (changed_.wait_for(lock, slice_ / looks_per_slice, [this] { return ending_; })) return;
        const std::uint64_t switches = scheduler_.switches();
        looks = switches == seen ? looks + 1 : 0;
        seen = switches;
        if (looks >= looks_per_slice) {
            scheduler_.raise_breaker(breaker_bit::slice_used);
            looks = 0;
        }
        // Whoever still uses checkpoints answers in time, and no slice goes unwatched.
        if (--ticks_left_ == ticks_per_watch / 2) scheduler_.raise_breaker(breaker_bit::ticker_idle);
    }
}

}  // namespace grove::detail
