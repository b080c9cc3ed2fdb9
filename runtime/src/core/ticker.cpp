#include "core/ticker.hpp"

#include "core/gil_state.hpp"
#include "core/scheduler.hpp"
#include "platform/prompt_thread.hpp"

#include <utility>

namespace grove::detail {

namespace {
// So many looks without a switch in between: the one who runs has had a slice, or up to a quarter more.
constexpr int looks_per_slice = 4;
// So many, and others have something to do: that is enough. They would wait for the rest of the slice, which
// is half of the p99 of servers beside a computing greenlet (bench/run).
constexpr int looks_if_news_wait = 1;
constexpr int ticks_per_watch = 160;  // 20 ms at the default slice
}  // namespace

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
    ask_to_run_promptly();  // a fifth off the p99 of servers beside a computing greenlet (bench/compare)
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
        if (looks >= looks_per_slice || (looks >= looks_if_news_wait && scheduler_.news_wait())) {
            scheduler_.raise_breaker(breaker_bit::slice_used);
            looks = 0;
        }
        // Whoever still uses checkpoints answers in time, and no slice goes unwatched.
        if (--ticks_left_ == ticks_per_watch / 2) scheduler_.raise_breaker(breaker_bit::ticker_idle);
    }
}

}  // namespace grove::detail
