#include <grove/core/sharded.hpp>
#include <grove/core/timeout.hpp>
#include <grove/core/wait_list.hpp>

#include "core/runtime_control.hpp"
#include "core/scheduler.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <pthread.h>
#include <system_error>
#include <thread>
#include <vector>

namespace grove::detail {

/// What the threads of a run_sharded() share. The first shard, which alone hears of stop signals, outlives
/// the others: it waits for them in its main greenlet, where they can still call() it, and tells them to
/// stop.
class Shards {
public:
    Shards(std::size_t n, const RunOptions& options, ShardBody& body)
        : options_{options}, body_{body}, controls_(n), others_running_{n - 1} {}

    void run();

private:
    void run_one(std::size_t index) noexcept;
    void be_main(std::size_t index);
    [[nodiscard]] bool gather(std::size_t index);
    void wait_for_others();
    [[nodiscard]] bool others_run();
    void note_end() noexcept;
    void stop(std::exception_ptr why) noexcept;

    const RunOptions& options_;
    ShardBody& body_;
    WaitList others_ended_;  // the first shard's

    std::mutex mutex_;  // guards what follows
    std::condition_variable gathered_;
    std::vector<std::shared_ptr<RuntimeControl>> controls_;  // null: has not come yet
    std::vector<RuntimeRef> runtimes_;                       // empty until all have
    std::size_t others_running_;
    bool stopped_ = false;
    std::exception_ptr error_;
};

void Shards::run() {
    std::vector<std::thread> threads;
    try {
        for (std::size_t i = 1; i < controls_.size(); ++i) threads.emplace_back([this, i] { run_one(i); });
    } catch (const std::system_error&) {
        {
            const std::scoped_lock lock{mutex_};
            others_running_ = threads.size();
        }
        stop(std::current_exception());
    }
    run_one(0);
    for (std::thread& thread : threads) thread.join();
    if (error_) std::rethrow_exception(error_);
}

void Shards::run_one(std::size_t index) noexcept {
    RunOptions options = options_;
    if (index > 0) {
        options.stop_signals.clear();
        pthread_setname_np(pthread_self(), "grove-shard");
    }
    try {
        grove::run(options, [this, index] { be_main(index); });
    } catch (...) {  // rethrown by run()
        stop(std::current_exception());
    }
    if (index > 0) note_end();
}

void Shards::be_main(std::size_t index) {
    if (!gather(index)) return;
    try {
        body_.call(Shard{index, runtimes_});
        if (index == 0) wait_for_others();
    } catch (...) {
        stop(std::current_exception());
        const Shield shield;
        if (index == 0) wait_for_others();
        throw;
    }
}

/// Holds the thread up until all are there: nothing else could run in this runtime yet. False: one is not
/// coming.
bool Shards::gather(std::size_t index) {
    std::unique_lock lock{mutex_};
    controls_[index] = Scheduler::here()->control();
    if (std::ranges::find(controls_, nullptr) == controls_.end()) {
        for (const auto& control : controls_) runtimes_.emplace_back(control);
        gathered_.notify_all();
    }
    gathered_.wait(lock, [this] { return !runtimes_.empty() || stopped_; });
    return !runtimes_.empty();
}

void Shards::wait_for_others() {
    while (others_run()) wait(others_ended_, {}, "run_sharded: the end of the other shards");
}

bool Shards::others_run() {
    const std::scoped_lock lock{mutex_};
    return others_running_ > 0;
}

void Shards::note_end() noexcept {
    const std::scoped_lock lock{mutex_};
    if (--others_running_ == 0 && !runtimes_.empty())
        runtimes_.front().post([this] { others_ended_.notify_all(); });
}

void Shards::stop(std::exception_ptr why) noexcept {
    const std::scoped_lock lock{mutex_};
    if (stopped_) return;
    stopped_ = true;
    error_ = std::move(why);
    gathered_.notify_all();
    for (const auto& control : controls_) {
        if (!control) continue;
        const std::scoped_lock keep{control->mutex};
        if (control->scheduler) control->scheduler->stop();
    }
}

void run_sharded(std::size_t n, const RunOptions& options, ShardBody& body) {
    if (n == 0) n = std::max(1U, std::thread::hardware_concurrency());
    Shards{n, options, body}.run();
}

}  // namespace grove::detail
