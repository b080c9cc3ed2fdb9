#include "core/watchdog.hpp"

#include <grove/base/assert.hpp>

#include "base/log.hpp"
#include "core/gil_state.hpp"
#include "core/greenlet_internal.hpp"
#include "core/scheduler.hpp"

#include <array>
#include <pthread.h>

namespace grove::detail {

namespace {

constexpr int looks_per_limit = 2;
constexpr int quiet_looks_before_sleep = 20;  // 1 s at the default limit

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
    : limit_{limit},
      scheduler_{scheduler},
      gil_{GilAccess::state(scheduler.gil())},
      gil_watch_{gil_, watched_.id(), limit, runaways_},
      sight_{look_closely()},
      thread_{[this] { work(); }} {
    const std::scoped_lock lock{gil_.mutex};
    gil_.watchdog = this;
}

Watchdog::~Watchdog() {
    {
        const std::scoped_lock lock{gil_.mutex};
        gil_.watchdog = nullptr;
    }
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
            gil_watch_.end();
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
    const bool gil_is_withheld = gil_watch_.look();  // then nothing else is to blame
    const bool waits = scheduler_.waits_in_loop();
    const std::uint64_t now_at = progress();
    if (!gil_is_withheld && !waits && now_at == sight_.progress) return look_at_runaway();
    report_end();
    quiet_looks_ = now_at == sight_.progress && !gil_is_withheld ? quiet_looks_ + 1 : 0;
    sight_ = look_closely();
}

void Watchdog::report_end() {
    if (runaway_.empty()) return;
    const auto held = std::chrono::steady_clock::now() - sight_.since;
    log(Level::warning, runaway_ + " let others run again, after " + in_seconds(held));
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
    const bool seen = interrupt_thread(watched_.id(), stack, &Culprit::look, &culprit);
    if (progress() != sight_.progress) return;  // it went on meanwhile
    if (runaway_.empty()) ++runaways_;
    runaway_ = seen ? culprit.to_string() : "a greenlet";
    const bool has_gil = gil_.locked && gil_.holder == watched_.id();
    const int waiting = has_gil ? gil_.waiting.load() : 0;
    std::string text = runaway_ + " has not let others run for " + in_seconds(held) + ". ";
    text += computes ? "It computes: checkpoint() lets others run, offload() moves it to another thread."
                     : "It sleeps in a call that is not grove's: offload() moves it to another thread.";
    if (waiting > 0) text += " Native threads that wait for the Gil: " + std::to_string(waiting) + ".";
    log(Level::warning, text + " " + stack.to_string());
    GROVE_ASSERT(
        computes || waiting == 0 || held < 10 * limit_,
        "a thread is waited for with the Gil held, and waits for the Gil itself: wait in allow_threads()");
}

}  // namespace grove::detail
