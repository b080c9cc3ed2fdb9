#include "core/ticker.hpp"

#include "core/gil_state.hpp"
#include "core/scheduler.hpp"
#include "platform/prompt_thread.hpp"

#include <utility>

namespace grove::detail {

namespace {
// Whoever runs has a quarter of a slice in any case, and the rest unless others have something to do. They
// would wait for it, which is half of the p99 of servers beside a computing greenlet (bench/run).
constexpr int parts_of_slice = 4;
constexpr int looks_per_watch = 80;  // 10 ms at the default slice, 40 if nobody else has anything to do
}  // namespace

Ticker::Ticker(std::chrono::microseconds slice, Scheduler& scheduler)
    : slice_{slice}, scheduler_{scheduler}, thread_{[this] { work(); }} {}

Ticker::~Ticker() {
    {
        const std::scoped_lock lock{mutex_};
        ending_ = true;
    }
    changed_.notify_one();
    scheduler_.wake();
    thread_.join();
}

void Ticker::watch_for_a_while() noexcept {
    const std::scoped_lock lock{mutex_};
    if (std::exchange(looks_left_, looks_per_watch) == 0) changed_.notify_one();
}

void Ticker::note_new_slice() noexcept {
    slice_began_.store(Clock::now(), std::memory_order_relaxed);
}

void Ticker::work() noexcept {
    ask_to_run_promptly();  // a fifth off the p99 of servers beside a computing greenlet (bench/compare)
    std::unique_lock lock{mutex_};
    while (!ending_) {
        if (looks_left_ == 0) {
            changed_.wait(lock);
            continue;
        }
        look(lock);
        // Whoever still uses checkpoints answers in time, and no slice goes unwatched.
        if (--looks_left_ == looks_per_watch / 2) scheduler_.raise_breaker(breaker_bit::ticker_idle);
    }
}

void Ticker::look(std::unique_lock<std::mutex>& lock) noexcept {
    const auto at_least = slice_ / parts_of_slice;
    changed_.wait_for(lock, at_least, [this] { return ending_; });
    if (ending_) return;
    const std::uint64_t seen = scheduler_.switches();
    const auto nobody_else_ran = [&] { return scheduler_.switches() == seen && !scheduler_.waits_in_loop(); };
    lock.unlock();
    scheduler_.wait_for_news(slice_ - at_least);
    lock.lock();
    if (!nobody_else_ran()) return;
    const auto until = slice_began_.load(std::memory_order_relaxed) + at_least;
    changed_.wait_until(lock, until, [this] { return ending_; });
    if (nobody_else_ran()) scheduler_.raise_breaker(breaker_bit::slice_used);
}

}  // namespace grove::detail
