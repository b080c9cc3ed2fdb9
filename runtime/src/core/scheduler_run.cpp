// The beginning and the end of a runtime.

#include <grove/base/error.hpp>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "core/gil_state.hpp"
#include "core/greenlet_internal.hpp"
#include "core/native_pool.hpp"
#include "core/profile.hpp"
#include "core/runtime_control.hpp"
#include "core/scheduler.hpp"
#include "core/ticker.hpp"
#include "core/watchdog.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>
#include <thread>

namespace grove::detail {

using namespace std::chrono_literals;

namespace {

Clock::time_point loop_time(void* loop) noexcept {
    return static_cast<EventLoop*>(loop)->now();
}

/// For a thread for the time of one run(): its clock and its system calls.
class ThreadHooks {
public:
    ThreadHooks(EventLoop& loop, Os& os) noexcept
        : clock_{set_clock_hook({&loop_time, &loop})}, os_{set_os(os)} {}
    ~ThreadHooks() {
        set_clock_hook(clock_);
        set_os(os_);
    }
    ThreadHooks(const ThreadHooks&) = delete;
    ThreadHooks& operator=(const ThreadHooks&) = delete;

private:
    ClockHook clock_;
    Os& os_;
};

// Whatever size the program wants for its own: see hub_stack.hpp for what runs there.
constexpr std::size_t hub_stack_size = 256 * 1024;

OverflowedStack describe_running(void*) noexcept {
    return running_greenlet ? describe_overflow(*running_greenlet) : OverflowedStack{.name = "hub"};
}

RunOptions with_limits(RunOptions options) noexcept {
    options.time_slice = within_reason(options.time_slice);
    options.runaway_limit = within_reason(options.runaway_limit);
    return options;
}

}  // namespace

/// The first greenlet: its fiber is the thread itself, its body the caller of run().
struct Scheduler::MainGreenlet final : GreenletState {
    void invoke() override {}
    void drop_closure() noexcept override {}
    void drop_result() noexcept override {}
};

Scheduler::Scheduler(const RunOptions& options, Environment environment)
    : slots_{ThreadSlots::of_this_thread()},
      os_{environment.os ? environment.os : &real_os()},
      loop_{environment.loop ? std::move(environment.loop) : make_event_loop()},
      timers_{loop_->now()},
      control_{std::make_shared<RuntimeControl>(options.switch_interval)},
      stacks_{StackPoolOptions{.stack_size = options.stack_size}},
      overflow_guard_{stacks_, &describe_running, nullptr},
      main_{new MainGreenlet},
      options_{with_limits(options)},
      shuffle_seed_{environment.shuffle_seed},
      shuffle_{
          static_cast<std::minstd_rand::result_type>(environment.shuffle_seed * 0x9E3779B97F4A7C15U >> 33U)} {
    gil_state_ = &GilAccess::state(control_->gil);
    now_ = last_look_ = held_since_ = loop_->now();
    hub_.stack = stacks_.take(hub_stack_size);
    make_fiber<&hub_entry>(hub_);
    main_->scheduler = this;
    main_->id = ++last_id_;
    main_->phase = GreenletState::Phase::started;
    adopt_thread(*main_);
    gil_state_->scheduler = this;
    control_->scheduler = this;
    if (environment.virtual_time) return;
    gil_state_->breaker = breaker_bit::ticker_idle;
    set_watchdog(options_.runaway_limit > 0ms);
}

Scheduler::~Scheduler() {
    while (!services_.empty()) services_.pop_back();
    forget_fiber(hub_);
    stacks_.give_back(hub_.stack);
}

GreenletState& Scheduler::main() noexcept {
    return *main_;
}
Gil& Scheduler::gil() noexcept {
    return control_->gil;
}

Scheduler* Scheduler::touchable() noexcept {
    if (here_) return here_;
    Gil* const held = GilAccess::held_by_this_thread();
    return held ? GilAccess::state(*held).scheduler : nullptr;
}

void Scheduler::run(MainBody& body) {
    const ThreadHooks hooks{*loop_, *os_};
    gil().lock();
    here_ = this;
    running_greenlet = main_.get();
    call_main(body);
    drain_greenlets();
    // A native thread with the Gil finds nobody any more whom it could give work.
    gil_state_->scheduler = nullptr;
    set_watchdog(false);
    ticker_.reset();
    gil().unlock();  // native jobs that still run may want it
    offload_pool_.reset();
    while (!services_.empty()) services_.pop_back();
    gil().lock();
    GilAccess::close(gil());
    {
        const std::scoped_lock lock{control_->mutex};
        control_->scheduler = nullptr;
    }
    GilAccess::end(gil());
    running_greenlet = nullptr;
    here_ = nullptr;
    if (main_->error) std::rethrow_exception(main_->error);
    if (main_->ended_by_kill) throw GreenletExit{};
    if (deadlock_) std::rethrow_exception(deadlock_);
}

void Scheduler::call_main(MainBody& body) noexcept {
    try {
        body.call();
    } catch (const GreenletExit&) {
        main_->ended_by_kill = true;
    } catch (...) {  // thrown on by run()
        main_->error = std::current_exception();
    }
    drop_locals(*main_);
    main_->phase = GreenletState::Phase::ended;
    main_->end_order = ++last_end_;
    draining_ = true;
    announce_end(*main_);
}

/// On main's fiber, after its end. disown(), a stop signal and a deadlock wake it.
void Scheduler::drain_greenlets() noexcept {
    if (stop_signal() != 0) kill_rest(false);
    for (bool refuses_posts = false;;) {
        while (live_ > live_daemons_) suspend_for("the end of the others");
        while (live_ > 0) {  // one may start another while it unwinds
            kill_rest(true);
            suspend_for("the end of the daemons");
        }
        if (!has_posts() && refuses_posts) return;
        refuse_posts();
        refuses_posts = true;
        drain_inbox();
    }
}

void Scheduler::add_late_post() noexcept {
    if (live_ - live_daemons_ == late_posts_) refuse_posts();
    ++late_posts_;
}

void Scheduler::refuse_posts() noexcept {
    const std::scoped_lock lock{control_->mutex};
    control_->accepts_posts = false;
}

void Scheduler::kill_rest(bool daemons_only) noexcept {
    if (daemons_only) daemons_end_ = true;
    for (GreenletState* g = first_live_; g; g = g->next_live) {
        if (daemons_only && !g->daemon) continue;
        g->signals |= GreenletState::killed_signal;
        interrupt(*g);
    }
}

void Scheduler::wake_main() noexcept {
    if (main_->queued == GreenletState::Queued::no && running_greenlet != main_.get()) make_ready(*main_);
}

// --- Stop signals --------------------------------------------------------------------------------------

void Scheduler::stop_by_signal(int signal) noexcept {
    stop_signal_.store(signal, std::memory_order_relaxed);
    tell_of_stop();
}

void Scheduler::stop() noexcept {
    int none = 0;
    if (stop_signal_.compare_exchange_strong(none, -1, std::memory_order_relaxed)) tell_of_stop();
}

void Scheduler::tell_of_stop() noexcept {
    gil_state_->breaker.fetch_or(breaker_bit::slice_used, std::memory_order_relaxed);
    loop_->wake();
}

void Scheduler::heed_stop_signal() noexcept {
    const int signal = stop_signal();
    if (signal == heeded_signal_) return;
    heeded_signal_ = signal;
    if (draining_) {
        kill_rest(false);
    } else {
        main_->signals |= GreenletState::killed_signal;
        interrupt(*main_);
    }
}

// --- Checkpoints -----------------------------------------------------------------------------------------

void Scheduler::raise_breaker(std::uint32_t bit) noexcept {
    gil_state_->breaker.fetch_or(bit, std::memory_order_relaxed);
}

void Scheduler::checkpoint_slow() {
    GreenletState& g = *running_greenlet;
    const std::uint32_t up = gil_state_->breaker.fetch_and(
        ~(breaker_bit::signalled | breaker_bit::slice_used | breaker_bit::ticker_idle),
        std::memory_order_relaxed);
    if (up & breaker_bit::ticker_idle) {
        if (!ticker_) ticker_ = std::make_unique<Ticker>(options_.time_slice, *this);
        ticker_->watch_for_a_while();
    }
    throw_if_signalled(g);
    if (up & breaker_bit::drop_request) GilAccess::hand_over(gil());
    if (up & breaker_bit::slice_used) {
        give_up_slice(g);
        if (ticker_) ticker_->note_new_slice();
        throw_if_signalled(g);
    }
}

NativePool& Scheduler::offload_pool() {
    if (!offload_pool_) {
        const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
        offload_pool_ = std::make_unique<NativePool>(
            options_.native_threads ? options_.native_threads : cores, "grove-offload");
    }
    return *offload_pool_;
}

// --- Watching and counting -------------------------------------------------------------------------------

void Scheduler::set_watchdog(bool on) noexcept {
    if (watchdog_) runaways_before_ += watchdog_->runaways();
    watchdog_.reset();
    if (!on) return;
    try {
        watchdog_ = std::make_unique<Watchdog>(options_.runaway_limit, *this);
    } catch (const std::system_error& error) {
        log(Level::warning, std::string{"nobody looks for runaways: no thread: "} + error.what());
    }
}

RuntimeStats Scheduler::stats() const {
    return {.poller = loop_->name(),
            .files = file_backend_,
            .greenlets = live_,
            .switches = switches(),
            .turns = turns(),
            .runaways = runaways_before_ + (watchdog_ ? watchdog_->runaways() : 0),
            .offload = offload_delay_,
            .sites = profile_ ? profile_->sites() : std::vector<SpawnSiteStats>{}};
}

void Scheduler::set_profiling(bool on) {
    profile_ = on ? std::make_unique<Profile>() : nullptr;
    switches_left_ = 0;
}

void Scheduler::note_offload(const GreenletState& g, std::chrono::nanoseconds delay) {
    note_delay(offload_delay_, delay);
    if (profile_) profile_->note_offload(g.site, delay);
}

void Scheduler::stack_overflowed(GreenletState& g) noexcept {
    report_stack_overflow(describe_overflow(g));
    std::abort();
}

}  // namespace grove::detail
