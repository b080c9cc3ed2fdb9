#pragma once

#include <grove/base/assert.hpp>
#include <grove/core/detail/greenlet_state.hpp>
#include <grove/core/gil.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/stats.hpp>

#include "core/block_cache.hpp"
#include "core/gil_state.hpp"
#include "core/inbox.hpp"
#include "core/ready_queue.hpp"
#include "platform/event_loop.hpp"
#include "platform/fiber.hpp"
#include "platform/os.hpp"
#include "platform/stack_overflow.hpp"
#include "platform/stack_pool.hpp"
#include "platform/timer_wheel.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

namespace grove::detail {

class NativePool;
class Profile;
class Ticker;
class Watchdog;
struct RuntimeControl;

/// What a runtime stands on; a test puts others in place.
struct Environment {
    std::unique_ptr<EventLoop> loop;  ///< null: GROVE_POLLER's
    Os* os = nullptr;                 ///< null: the system
    std::uint64_t shuffle_seed = 0;   ///< not 0: ready greenlets run in an order drawn from it
    bool virtual_time = false;        ///< nobody watches how long a greenlet runs: that is real time
};

/// Somebody else's event loop that lives in ours. All under the Gil.
class LoopGuest {
public:
    /// Runs what is ready there, in the hub. True: there is more, for the next turn.
    virtual bool run_ready() noexcept = 0;
    /// From now on, what happens there wakes our loop, too. False: something has happened already.
    [[nodiscard]] virtual bool fall_asleep() noexcept = 0;
    /// Something may happen there by itself.
    [[nodiscard]] virtual bool has_work() const noexcept = 0;

protected:
    ~LoopGuest() = default;
};

/// The heart of a runtime: who runs, who is ready, what they wait for.
///
/// A greenlet that blocks switches straight to the next ready one (suspend()); the hub, a fiber of its own,
/// gets a word only when nobody is ready, the turn's budget is spent, or a thread wants the Gil. One turn of
/// the hub: the inbox, the timers that are due, the event loop (asleep, if nobody is ready: the one place
/// where the Gil is given up to wait).
///
/// Invariants:
/// 1. `running_greenlet` is the greenlet whose fiber runs; in the hub it is null.
/// 2. A greenlet that lives is running, in the ready queue, or waiting for exactly one wake-up.
/// 3. Everything here is touched with the Gil held; the inbox, the breaker and wake() by any thread.
class Scheduler {
public:
    Scheduler(const RunOptions&, Environment);
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    /// The one on this thread, null on a plain thread. With the Gil held, on any thread: gil_scheduler().
    [[nodiscard]] static Scheduler* here() noexcept { return here_; }
    /// The one this thread may touch: its own, or the one whose Gil it holds. Null: neither.
    [[nodiscard]] static Scheduler* touchable() noexcept;

    // --- Running ------------------------------------------------------------------------------

    /// Runs main on this stack as the first greenlet, then waits for what is left. Throws what main threw, or
    /// WouldBlockForever if those left could never end. Once.
    void run(MainBody&);

    /// The greenlet will run after those that are ready now. Requires: it lives and is not in the queue.
    void make_ready(GreenletState& g, GreenletState::Queued why = GreenletState::Queued::woken) noexcept {
        GROVE_ASSERT(g.queued == GreenletState::Queued::no, "a greenlet was made ready twice");
        g.queued = why;
        ready_.push_back(g);
        if (asleep_) wake_from_sleep();
    }
    /// Lets others run until somebody makes the running greenlet ready. Requires: somebody will, or a kill
    /// may.
    void suspend();
    /// Lets every ready greenlet run first.
    void yield_now();
    /// Calls f(data) on the hub's stack: see hub_stack.hpp.
    void run_on_hub(void (*f)(void*) noexcept, void* data) noexcept;
    /// suspend() with a name for reports. Nothing interrupts it: kill and time-outs wait for the next wait.
    void suspend_for(const char* what);

    // --- Time and the outside ---------------------------------------------------------------------

    [[nodiscard]] Clock::time_point now() const noexcept { return now_; }  ///< of this turn
    [[nodiscard]] TimerWheel& timers() noexcept { return timers_; }
    [[nodiscard]] EventLoop& loop() noexcept { return *loop_; }
    [[nodiscard]] Os& os() noexcept { return *os_; }

    /// Counts what may wake a greenlet from outside of this thread, so that waiting for it is no deadlock.
    void add_outside() noexcept { ++outside_; }
    void drop_outside() noexcept { --outside_; }
    [[nodiscard]] std::size_t outside() const noexcept { return outside_; }

    /// Main has ended, and the runtime waits for the others. Those that are posted from now on do not keep it
    /// from refusing more: else who posts without pause would keep it alive.
    [[nodiscard]] bool draining() const noexcept { return draining_; }
    void add_late_post() noexcept;
    void drop_late_post() noexcept { --late_posts_; }

    /// Spends an I/O call that did not wait, and each 4 KiB it moved, from this greenlet's run. After
    /// `io_budget` it has to yield before the next call: so a socket that is never empty neither starves the
    /// others nor keeps a kill away. What was moved counts as switches too, two for 4 KiB: the hub, which
    /// looks at the clock, does not wait until each of many greenlets has copied its 256 KiB (bench ticker).
    void spend_io(std::size_t bytes) noexcept {
        --io_left_;
        if (bytes < 4096) return;
        const auto pieces = static_cast<std::int32_t>(bytes >> 12U);  // no call moves more than 2 GiB
        io_left_ -= pieces;
        switches_left_ -= 2 * pieces;
    }
    [[nodiscard]] bool io_spent() const noexcept { return io_left_ <= 0; }

    /// Runs node->run() on this thread, in the hub, soon. Any thread that knows the runtime has not ended.
    void post(InboxNode&) noexcept;
    /// Ends the sleep of the hub, and wait_for_news(). Any thread, and signal handlers.
    void wake() noexcept { loop_->wake(); }
    /// The same, where it matters only to a hub that sleeps, and to wait_for_news(). Any thread.
    void wake_if_asleep() noexcept {
        if (hub_sleeps_.load(std::memory_order_seq_cst) || news_awaited_.load(std::memory_order_seq_cst))
            loop_->wake();
    }

    // --- Greenlets ----------------------------------------------------------------------------------

    void adopt(GreenletState&, bool daemon) noexcept;  ///< from now on it lives here
    void disown(GreenletState&) noexcept;              ///< it has ended, but still stands on its stack
    /// The daemons, all that is left, are killed for the sake of the runtime's end.
    [[nodiscard]] bool daemons_end() const noexcept { return daemons_end_; }
    [[nodiscard]] std::size_t live_count() const noexcept { return live_; }
    [[nodiscard]] GreenletState* first_live() const noexcept { return first_live_; }
    [[nodiscard]] GreenletState& main() noexcept;
    [[nodiscard]] StackPool& stacks() noexcept { return stacks_; }
    [[nodiscard]] BlockCache& blocks(std::size_t alignment) noexcept {
        return alignment == cache_line ? lines_ : blocks_;
    }
    /// Direct switches and starts so far; one more each time a greenlet gets its turn. Any thread.
    [[nodiscard]] std::uint64_t switches() const noexcept {
        return switches_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t turns() const noexcept {
        return turns_.load(std::memory_order_relaxed);
    }  ///< of the hub. Any thread.
    /// The hub sleeps in the event loop, or is about to. Any thread.
    [[nodiscard]] bool waits_in_loop() const noexcept { return hub_sleeps_.load(std::memory_order_relaxed); }

    // --- Its Gil ------------------------------------------------------------------------------------

    // What its own thread tells of it, for Gil::stats().
    void note_gil_freed() noexcept;
    [[nodiscard]] Clock::time_point when_gil_is_wanted() const noexcept;  ///< 0: it is free
    void note_gil_taken(Clock::time_point wanted_at) noexcept;

    // --- The rest of the runtime ---------------------------------------------------------------------

    [[nodiscard]] const RunOptions& options() const noexcept { return options_; }
    [[nodiscard]] const std::shared_ptr<RuntimeControl>& control() const noexcept { return control_; }
    [[nodiscard]] Gil& gil() noexcept;
    [[nodiscard]] NativePool& offload_pool();
    using UnhandledHandler = UniqueFunction<void(GreenletRef, std::exception_ptr)>;
    void set_unhandled_handler(UnhandledHandler f) noexcept { unhandled_ = std::move(f); }
    void report_unhandled(GreenletState&) noexcept;  ///< in a greenlet of its own

    void set_guest(LoopGuest* guest) noexcept { guest_ = guest; }
    [[nodiscard]] std::uint64_t next_timeout_id() noexcept { return ++last_timeout_id_; }

    /// Waits until there is something for the hub to do, for so long at most: descriptors have changed (as
    /// far as the loop can tell), other threads have posted, a timer is due. One other thread at a time.
    void wait_for_news(std::chrono::nanoseconds at_most) noexcept;
    /// Makes the next checkpoint() look: see breaker_bit. Any thread, and signal handlers.
    void raise_breaker(std::uint32_t bit) noexcept;
    void checkpoint_slow();
    /// Kills main soon, and the rest after it. Any thread, and signal handlers.
    void stop_by_signal(int signal) noexcept;
    /// The same, but run() raises no signal when all has unwound: it throws main's GreenletExit. Any thread.
    void stop() noexcept;
    /// 0: none; negative: stop().
    [[nodiscard]] int stop_signal() const noexcept { return stop_signal_.load(std::memory_order_relaxed); }

    /// While it is off nobody looks for runaways. Requires, to switch it on: RunOptions::runaway_limit > 0.
    void set_watchdog(bool on) noexcept;
    [[nodiscard]] bool has_watchdog() const noexcept { return watchdog_ != nullptr; }
    [[nodiscard]] RuntimeStats stats() const;
    void set_profiling(bool);
    void set_file_backend(const char* name) noexcept { file_backend_ = name; }  ///< for stats(); a literal
    void note_offload(const GreenletState&, std::chrono::nanoseconds delay);

    /// A part of the runtime from a higher floor, made on first use and destroyed with the runtime.
    template <class T>
    [[nodiscard]] T& service();

private:
    friend void grove::yield();  // the one hot path from outside
    struct MainGreenlet;
    struct ServiceEntry {
        const void* key;
        std::shared_ptr<void> object;
    };

    static void fiber_entry() noexcept;
    static void hub_entry() noexcept;
    static void check_leaving(GreenletState&) noexcept;
    static void check_canary(GreenletState&) noexcept;
    static void arrive_from_switch() noexcept;
    [[nodiscard]] bool gil_is_wanted() const noexcept;
    [[nodiscard]] bool hub_is_due() noexcept;
    void let_others_run(GreenletState&);
    void give_up_slice(GreenletState&);
    void switch_to(FiberRecord& from, GreenletState& to) noexcept;
    void switch_to_fresh(FiberRecord& from, GreenletState& to) noexcept;
    void switch_to_hub(FiberRecord& from) noexcept;
    [[nodiscard]] bool begin(GreenletState&) noexcept;
    [[nodiscard]] GreenletState* next_for_this_stack(GreenletState& ended) noexcept;
    [[nodiscard]] FiberRecord& after_end_of(GreenletState&) noexcept;
    void note_switch() noexcept;
    void release_ended() noexcept;
    void release(GreenletState&) noexcept;
    [[noreturn]] static void stack_overflowed(GreenletState&) noexcept;

    void turn() noexcept;
    void begin_turn() noexcept;
    void look_at_loop() noexcept;
    void sleep_in_loop() noexcept;
    [[nodiscard]] bool may_be_woken() const noexcept;
    void drain_inbox() noexcept;
    [[nodiscard]] bool has_posts() const noexcept;
    void tell_of_stop() noexcept;
    void heed_stop_signal() noexcept;
    void shuffle_ready() noexcept;
    void run_profiled() noexcept;
    void report_deadlock() noexcept;

    void call_main(MainBody&) noexcept;
    void drain_greenlets() noexcept;
    void refuse_posts() noexcept;
    void kill_rest(bool daemons_only) noexcept;
    void wake_main() noexcept;
    void wake_from_sleep() noexcept;

    static constinit thread_local Scheduler* here_;

    // Touched at each switch.
    ReadyQueue ready_;
    GilState* gil_state_ = nullptr;  // control_'s
    std::atomic<std::uint64_t> switches_{0};
    std::int32_t switches_left_ = 0;  // before the hub has a word
    std::int32_t io_left_ = 0;
    SettledFloatFlags float_flags_;
    ThreadSlots slots_;
    GreenletState* ended_ = nullptr;  // its stack is given back by whoever runs next
    bool asleep_ = false;             // the hub waits in the loop, without the Gil

    // Touched each turn.
    std::int32_t turn_budget_ = 0;      // switches, from the beginning of this turn
    InboxNode* taken_posts_ = nullptr;  // out of the inbox, but for a later turn
    GreenletState* sliced_ = nullptr;   // has used up its slice, and goes to the end of the queue
    std::atomic<std::uint64_t> turns_{0};
    Clock::time_point now_{};
    Clock::time_point last_look_{};
    Clock::time_point held_since_{};
    Os* os_;
    std::unique_ptr<EventLoop> loop_;
    TimerWheel timers_;
    std::size_t outside_ = 0;
    LoopGuest* guest_ = nullptr;
    FiberRecord hub_;
    ReadyQueue ready_stillborn_;  // could not get a stack: ended by the hub, on its own
    std::shared_ptr<RuntimeControl> control_;
    int heeded_signal_ = 0;

    // Greenlets.
    BlockCache blocks_{__STDCPP_DEFAULT_NEW_ALIGNMENT__};
    BlockCache lines_{cache_line};
    StackPool stacks_;
    StackOverflowGuard overflow_guard_;
    GreenletPtr main_;
    GreenletState* first_live_ = nullptr;  // without main
    std::size_t live_ = 0;
    std::size_t live_daemons_ = 0;
    std::uint64_t last_id_ = 0;
    std::uint64_t last_end_ = 0;
    std::uint64_t last_timeout_id_ = 0;
    std::size_t late_posts_ = 0;
    bool draining_ = false;        // main has ended and waits for the others
    bool daemons_end_ = false;     // nobody else is left, and they are killed
    std::exception_ptr deadlock_;  // found while draining

    RunOptions options_;
    std::uint64_t shuffle_seed_;
    std::minstd_rand shuffle_;
    std::unique_ptr<NativePool> offload_pool_;
    std::unique_ptr<Ticker> ticker_;
    std::unique_ptr<Watchdog> watchdog_;  // null: nobody looks
    std::uint64_t runaways_before_ = 0;   // those of earlier watchdogs
    std::unique_ptr<Profile> profile_;    // null: not profiling
    DelayStats offload_delay_;
    const char* file_backend_ = "";
    UnhandledHandler unhandled_;
    std::vector<ServiceEntry> services_;  // destroyed last made first

    // Touched by other threads.
    alignas(64) Inbox inbox_;
    std::atomic<bool> hub_sleeps_{false};
    std::atomic<bool> news_awaited_{false};
    std::atomic<int> stop_signal_{0};
};

inline void* allocate_block(std::size_t size, std::size_t alignment) {
    Scheduler* const scheduler = Scheduler::here();
    return scheduler ? scheduler->blocks(alignment).take(size) : BlockCache::make(size, alignment);
}

inline void free_block(void* place, std::size_t size, std::size_t alignment) noexcept {
    if (Scheduler* const scheduler = Scheduler::here()) {
        scheduler->blocks(alignment).give_back(place, size);
    } else {
        BlockCache::free(place, alignment);
    }
}

/// Holds Scheduler::add_outside() for a scope.
class OutsideWork {
public:
    explicit OutsideWork(Scheduler& s) noexcept : scheduler_{s} { scheduler_.add_outside(); }
    ~OutsideWork() { scheduler_.drop_outside(); }
    OutsideWork(const OutsideWork&) = delete;
    OutsideWork& operator=(const OutsideWork&) = delete;

private:
    Scheduler& scheduler_;
};

// ---------------------------------------------------------------------------------------------

template <class T>
T& Scheduler::service() {
    static constexpr char key = 0;  // one address per type
    for (ServiceEntry& entry : services_) {
        if (entry.key == &key) return *static_cast<T*>(entry.object.get());
    }
    auto made = std::make_shared<T>();
    T& service = *made;
    services_.push_back({&key, std::move(made)});
    return service;
}

}  // namespace grove::detail
