#include "core/watchdog.hpp"

#include <grove/base/assert.hpp>

#include "base/log.hpp"
#include "core/gil_state.hpp"
#include "core/greenlet_internal.hpp"
#include "core/scheduler.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <pthread.h>

namespace grove::detail {

namespace {

constexpr int looks_per_limit = 2;
constexpr int quiet_looks_before_sleep = 20;  // 1 s at the default limit
constexpr auto patience = std::chrono::milliseconds{100};

std::string seconds(std::chrono::nanoseconds time) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3f s", std::chrono::duration<double>{time}.count());
    return text.data();
}

/// Copied by the thread itself, in a signal handler: from elsewhere the greenlet might end meanwhile.
struct Culprit {
    bool is_greenlet = false;
    bool is_main = false;
    std::uint64_t id = 0;
    SourceSite site{};
    std::array<char, 64> name{};

    static void look(void* argument) noexcept {
        auto& self = *static_cast<Culprit*>(argument);
        const GreenletState* const g = running_greenlet;
        if (!g) return;
        const OverflowedStack known = describe_overflow(*g);
        self.is_greenlet = true;
        self.is_main = g == &g->scheduler->main();
        self.id = known.id;
        self.site = known.spawned_at;
        known.name.copy(self.name.data(), self.name.size() - 1);
    }
    [[nodiscard]] std::string to_string() const {
        return is_greenlet ? "greenlet " + describe_greenlet(id, is_main, name.data(), site) : "the hub";
    }
};

}  // namespace

Watchdog::Watchdog(std::chrono::milliseconds limit, Scheduler& scheduler)
    : limit_{limit}, scheduler_{scheduler}, sight_{look_closely()}, thread_{[this] { work(); }} {}

Watchdog::~Watchdog() {
    {
        const std::scoped_lock lock{mutex_};
        ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void Watchdog::wake() noexcept {
    {
        const std::scoped_lock lock{mutex_};
        asleep_ = false;
    }
    changed_.notify_one();
}

void Watchdog::work() noexcept {
    pthread_setname_np(pthread_self(), "grove-watchdog");
    std::unique_lock lock{mutex_};
    for (;;) {
        if (asleep_) changed_.wait(lock, [this] { return ending_ || !asleep_; });
        const bool ending = changed_.wait_for(lock, limit_ / looks_per_limit, [this] { return ending_; });
        lock.unlock();
        if (ending) {
            if (progress() != sight_.progress) report_end();
            return;
        }
        look();
        lock.lock();
        if (quiet_looks_ < quiet_looks_before_sleep) continue;
        quiet_looks_ = 0;
        asleep_ = true;
    }
}

std::uint64_t Watchdog::progress() const noexcept {
    return scheduler_.switches() + scheduler_.turns();
}

void Watchdog::look() {
    const bool waits = scheduler_.waits_in_loop();
    const std::uint64_t now_at = progress();
    if (!waits && now_at == sight_.progress) return look_at_runaway();
    report_end();
    quiet_looks_ = now_at == sight_.progress ? quiet_looks_ + 1 : 0;
    sight_ = look_closely();
}

void Watchdog::report_end() {
    if (runaway_.empty()) return;
    const auto held = std::chrono::steady_clock::now() - sight_.since;
    log(Level::warning, runaway_ + " let others run again, after " + seconds(held));
    runaway_.clear();
}

Watchdog::Sight Watchdog::look_closely() const noexcept {
    return {progress(), std::chrono::steady_clock::now(), watched_.cpu_time(), limit_};
}

void Watchdog::look_at_runaway() {
    const auto held = std::chrono::steady_clock::now() - sight_.since;
    if (held < sight_.next_report) return;
    const bool computes = watched_.cpu_time() - sight_.cpu_time >= sight_.next_report;
    if (!computes && !watched_.in_kernel_sleep()) return;  // it waits for a core
    report(held, computes);
    sight_.next_report *= 10;
}

void Watchdog::report(std::chrono::nanoseconds held, bool computes) {
    Culprit culprit;
    CallStack stack;
    const bool seen = watched_.interrupt(stack, &Culprit::look, &culprit, patience);
    if (progress() != sight_.progress) return;  // it went on meanwhile
    if (runaway_.empty()) ++runaways_;
    runaway_ = seen ? culprit.to_string() : "a greenlet";
    const int waiting = GilAccess::state(scheduler_.gil()).waiting;
    std::string text = runaway_ + " has not let others run for " + seconds(held) + ". ";
    text += computes ? "It computes: checkpoint() lets others run, offload() moves it to another thread."
                     : "It sleeps in a call that is not grove's: offload() moves it to another thread.";
    if (waiting > 0) text += " Native threads that wait for the Gil: " + std::to_string(waiting) + ".";
    text += seen ? " It is at:" + stack.to_string() : " Where it is cannot be seen: SIGURG is not to be had.";
    log(Level::warning, text);
    GROVE_ASSERT(
        computes || waiting == 0 || held < 10 * limit_,
        "a thread is waited for with the Gil held, and waits for the Gil itself: wait in allow_threads()");
}

}  // namespace grove::detail
