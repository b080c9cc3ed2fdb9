#include "core/ticker.hpp"

#include "core/gil_state.hpp"
#include "core/scheduler.hpp"

namespace grove::detail {

namespace {
constexpr int ticks_per_watch = 20;  // 10 ms at the default slice
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
    {
        const std::scoped_lock lock{mutex_};
        ticks_left_ = ticks_per_watch;
    }
    changed_.notify_one();
}

void Ticker::work() noexcept {
    std::unique_lock lock{mutex_};
    std::uint64_t seen = 0;
    while (!ending_) {
        if (ticks_left_ == 0) {
            changed_.wait(lock, [this] { return ending_ || ticks_left_ > 0; });
            seen = scheduler_.switches();
            continue;
        }
        if (changed_.wait_for(lock, slice_, [this] { return ending_; })) return;
        const std::uint64_t switches = scheduler_.switches();
        if (switches == seen) scheduler_.raise_breaker(breaker_bit::slice_used);
        seen = switches;
        if (--ticks_left_ == 0) scheduler_.raise_breaker(breaker_bit::ticker_idle);
    }
}

}  // namespace grove::detail
