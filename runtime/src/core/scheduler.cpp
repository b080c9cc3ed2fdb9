#include "core/scheduler.hpp"

#include <grove/base/error.hpp>

#include "core/gil_state.hpp"
#include "core/greenlet_extras.hpp"
#include "core/greenlet_internal.hpp"
#include "core/hub_stack.hpp"
#include "core/native_pool.hpp"
#include "core/profile.hpp"
#include "core/runtime_control.hpp"
#include "core/watchdog.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

namespace grove::detail {

namespace {

// After so many direct switches the hub has a word. Its turn costs 95 ns, so 0.4 ns per switch (bench
// switch/yield); where each greenlet runs for 10 us the clock is looked at every 2.5 ms.
constexpr std::int32_t switches_per_turn = 256;

// Where they run for longer, so many fewer that it takes about this, as in gevent: the others wait for no
// more.
constexpr auto longest_turn = std::chrono::milliseconds{5};

// So much I/O in a row may succeed at once before a greenlet on a never-empty socket yields: 64 calls of a
// microsecond are a small part of a time slice. A call that moves much counts by what it moves: see
// spend_io().
constexpr std::int32_t io_budget = 64;

// Threads that post without end must not keep the greenlets waiting.
constexpr int posts_per_turn = 256;

// While greenlets stay ready, the loop is looked at this often. A look costs about 0.3 us.
constexpr auto look_interval = std::chrono::microseconds{100};

constinit thread_local unsigned switching_forbidden = 0;

}  // namespace

constinit thread_local GreenletState* running_greenlet = nullptr;
constinit thread_local Scheduler* Scheduler::here_ = nullptr;

// --- Switching ---------------------------------------------------------------------------------------

/// A greenlet gets its turn.
inline void Scheduler::note_switch() noexcept {
    switches_.store(switches_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    io_left_ = io_budget;
}

/// Somebody runs again: nothing of before is kept in registers, so the way there saves none (bench
/// switch/yield).
inline void Scheduler::arrive_from_switch() noexcept {
    Scheduler& s = *here_;
    if (s.ended_) s.release_ended();
}

inline void Scheduler::switch_to(FiberRecord& from, GreenletState& to) noexcept {
    to.queued = GreenletState::Queued::no;
    if (to.phase == GreenletState::Phase::fresh) return switch_to_fresh(from, to);
    note_switch();
    running_greenlet = &to;
    switch_fiber(from, to, slots_);
    arrive_from_switch();
}

[[gnu::noinline]] void Scheduler::switch_to_fresh(FiberRecord& from, GreenletState& to) noexcept {
    if (!begin(to)) return switch_to_hub(from);
    switch_to(from, to);
}

[[gnu::noinline]] void Scheduler::switch_to_hub(FiberRecord& from) noexcept {
    running_greenlet = nullptr;
    switch_fiber(from, hub_, slots_);
    arrive_from_switch();
}

/// What has to hold when a greenlet stops to let another run.
inline void Scheduler::check_leaving(GreenletState& g) noexcept {
    GROVE_ASSERT(switching_forbidden == 0, "a blocking call inside a NoSwitch scope");
    if (g.canary) check_canary(g);
}

GROVE_COLD void Scheduler::check_canary(GreenletState& g) noexcept {
    if (!StackPool::canary_intact(g.stack)) stack_overflowed(g);
}

/// A thread has waited for the Gil for its interval.
inline bool Scheduler::gil_is_wanted() const noexcept {
    return (gil_state_->breaker.load(std::memory_order_relaxed) & breaker_bit::drop_request) != 0;
}

/// Whether the hub has a word before the next greenlet. Counts a switch.
inline bool Scheduler::hub_is_due() noexcept {
    return ready_.empty() || --switches_left_ < 0 || gil_is_wanted();
}

void Scheduler::suspend() {
    GreenletState& g = *running_greenlet;
    check_leaving(g);
    if (hub_is_due()) return switch_to_hub(g);
    GreenletState& next = ready_.pop_front();
    if (&next != &g) return switch_to(g, next);
    g.queued = GreenletState::Queued::no;
}

inline void Scheduler::let_others_run(GreenletState& g) {
    check_leaving(g);
    const bool hub_has_a_word = hub_is_due();
    g.queued = GreenletState::Queued::yielded;
    ready_.push_back(g);
    if (hub_has_a_word) return switch_to_hub(g);
    switch_to(g, ready_.pop_front());
}

void Scheduler::yield_now() {
    let_others_run(*running_greenlet);
}

/// To the hub, which looks at the clock and the loop, and back after all whom it finds there: they have
/// waited for a whole slice already.
void Scheduler::give_up_slice(GreenletState& g) {
    check_leaving(g);
    sliced_ = &g;
    switch_to_hub(g);
}

void Scheduler::suspend_for(const char* what) {
    GreenletState& g = *running_greenlet;
    g.waits_for = what;
    g.waits_since = now_;
    suspend();
}

void Scheduler::run_on_hub(void (*f)(void*) noexcept, void* data) noexcept {
    GreenletState* const g = running_greenlet;
    if (!g || turns() == 0) return f(data);  // before its first turn the hub has not begun
    running_greenlet = nullptr;              // f has the rights of the hub: it cannot wait
    run_on_stack_of(hub_, *g, f, data);
    running_greenlet = g;
}

void Scheduler::wake_from_sleep() noexcept {
    asleep_ = false;
    loop_->wake();
}

// --- The life of a fiber -----------------------------------------------------------------------------

bool Scheduler::begin(GreenletState& g) noexcept {
    try {
        g.stack = stacks_.take(g.stack_size);
    } catch (...) {  // kept as what ended the greenlet
        g.error = std::current_exception();
        ready_stillborn_.push_back(g);
        return false;
    }
    g.phase = GreenletState::Phase::started;
    g.canary = StackPool::uses_canary(g.stack);
    make_fiber<&fiber_entry>(g);
    return true;
}

void Scheduler::fiber_entry() noexcept {
    Scheduler& s = *here_;
    arrive();
    if (s.ended_) s.release_ended();
    GreenletState* g = running_greenlet;
    run_to_end(*g);
    while (GreenletState* next = s.next_for_this_stack(*g)) {
        s.release(*g);
        running_greenlet = next;
        *s.slots_.exceptions = {};
        *s.slots_.error = 0;
        g = next;
        run_to_end(*g);
    }
    leave_fiber(s.after_end_of(*g), s.slots_);
}

/// A greenlet that begins when another ends takes over its stack as it is: no switch, and the stack is warm.
/// Worth a third of spawn + run + join in a burst (bench spawn/burst).
GreenletState* Scheduler::next_for_this_stack(GreenletState& ended) noexcept {
    if (switches_left_ <= 0 || ready_.empty() || gil_is_wanted()) return nullptr;
    GreenletState& next = ready_.front();
    if (next.phase != GreenletState::Phase::fresh || next.stack_size != ended.stack_size) return nullptr;
    --switches_left_;
    ready_.pop_front();
    next.queued = GreenletState::Queued::no;
    next.phase = GreenletState::Phase::started;
    next.stack = std::exchange(ended.stack, {});
    next.canary = ended.canary;
    next.sanitizer_fiber = ended.sanitizer_fiber;
    note_switch();
    return &next;
}

/// Who runs now that g has ended: the next ready greenlet, or the hub.
FiberRecord& Scheduler::after_end_of(GreenletState& g) noexcept {
    ended_ = &g;  // whoever runs next gives the stack back: we still stand on it
    running_greenlet = nullptr;
    if (hub_is_due()) return hub_;
    GreenletState& next = ready_.pop_front();
    next.queued = GreenletState::Queued::no;
    if (next.phase == GreenletState::Phase::fresh && !begin(next)) return hub_;
    note_switch();
    running_greenlet = &next;
    return next;
}

void Scheduler::release_ended() noexcept {
    GreenletState& g = *std::exchange(ended_, nullptr);
    if (g.canary && !StackPool::canary_intact(g.stack)) stack_overflowed(g);
    forget_fiber(g);
    stacks_.give_back(g.stack);
    g.stack = {};
    release(g);
}

void Scheduler::release(GreenletState& g) noexcept {
    if (--g.refs == 0) destroy(&g);
}

void Scheduler::adopt(GreenletState& g, bool daemon) noexcept {
    ++g.refs;
    g.scheduler = this;
    g.id = ++last_id_;
    g.daemon = daemon;
    g.next_live = first_live_;
    if (first_live_) first_live_->prev_live = &g;
    first_live_ = &g;
    ++live_;
    if (daemon) ++live_daemons_;
}

void Scheduler::disown(GreenletState& g) noexcept {
    (g.prev_live ? g.prev_live->next_live : first_live_) = g.next_live;
    if (g.next_live) g.next_live->prev_live = g.prev_live;
    g.prev_live = g.next_live = nullptr;
    --live_;
    if (g.daemon) --live_daemons_;
    g.end_order = ++last_end_;
    g.phase = GreenletState::Phase::ended;
    if (draining_ && live_ == live_daemons_) wake_main();
}

// --- The hub -----------------------------------------------------------------------------------------

void Scheduler::hub_entry() noexcept {
    Scheduler& s = *here_;
    arrive();
    if (s.ended_) s.release_ended();
    for (;;) {
        s.turn();
        if (s.ready_.empty()) continue;
        if (s.profile_) {
            s.run_profiled();
        } else {
            s.switch_to(s.hub_, s.ready_.pop_front());
        }
    }
}

/// With no switches left, whoever runs comes back here.
void Scheduler::run_profiled() noexcept {
    GreenletState& next = ready_.pop_front();
    profile_->note_turn(next, loop_->now());
    switch_to(hub_, next);
    if (!profile_) return;  // switched off meanwhile
    const auto now = loop_->now();
    profile_->note_end_of_turn(now);
    profile_->note_ready(ready_, now);
}

/// Inbox, timers, loop: after it, somebody is ready or the turn came to nothing.
void Scheduler::turn() noexcept {
    turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    while (!ready_stillborn_.empty()) run_to_end(ready_stillborn_.pop_front());
    if (gil_is_wanted()) GilAccess::hand_over(gil());
    drain_inbox();
    heed_stop_signal();
    begin_turn();
    timers_.fire_due(now_);
    const bool guest_waits = guest_ && guest_->run_ready();
    if (ready_.empty() && !guest_waits && !sliced_) {
        if (!guest_ || guest_->fall_asleep()) sleep_in_loop();
    } else if (now_ - last_look_ >= look_interval) {
        look_at_loop();
    }
    if (sliced_) make_ready(*std::exchange(sliced_, nullptr), GreenletState::Queued::yielded);
    if (profile_) {
        profile_->note_ready(ready_, now_);
    } else if (shuffle_seed_ != 0) {
        shuffle_ready();
    }
}

/// What time it is, and so how many switches this turn has: by how long those of the last one took.
void Scheduler::begin_turn() noexcept {
    const auto took = loop_->now() - now_;
    now_ += took;
    if (took > longest_turn) {
        const std::int32_t made = std::max(turn_budget_ - std::max(switches_left_, 0), 1);
        turn_budget_ = std::max(static_cast<std::int32_t>(made * longest_turn / took), 1);
    } else {
        turn_budget_ = std::clamp(2 * turn_budget_, 1, switches_per_turn);
    }
    switches_left_ = shuffle_seed_ != 0 || profile_ ? 0 : turn_budget_;
}

void Scheduler::look_at_loop() noexcept {
    last_look_ = now_;
    (void)loop_->poll(Clock::time_point{});
    loop_->deliver();
}

void Scheduler::sleep_in_loop() noexcept {
    const Clock::time_point until = timers_.next();
    if (until == Clock::time_point::max() && !may_be_woken()) return report_deadlock();
    hub_sleeps_.store(true, std::memory_order_seq_cst);  // from here on, who posts also wakes
    // Asked again: who dropped the last RuntimeRef just before did not.
    const bool somebody_wakes = until != Clock::time_point::max() || may_be_woken();
    if (somebody_wakes && !has_posts() && stop_signal_.load(std::memory_order_relaxed) == heeded_signal_) {
        asleep_ = true;
        note_gil_freed();
        gil().unlock();
        (void)loop_->poll(Deadline{until});
        const auto wanted_at = when_gil_is_wanted();
        GilAccess::relock(gil());
        asleep_ = false;
        note_gil_taken(wanted_at);
        now_ = last_look_ = held_since_;
        loop_->deliver();
    }
    hub_sleeps_.store(false, std::memory_order_relaxed);
    if (watchdog_) watchdog_->wake_if_asleep();
    drain_inbox();
    heed_stop_signal();
    timers_.fire_due(now_);
}

void Scheduler::note_gil_freed() noexcept {
    gil_state_->held_ns.fetch_add((loop_->now() - held_since_).count(), std::memory_order_relaxed);
}

Clock::time_point Scheduler::when_gil_is_wanted() const noexcept {
    return gil_state_->locked.load(std::memory_order_relaxed) ? loop_->now() : Clock::time_point{};
}

void Scheduler::note_gil_taken(Clock::time_point wanted_at) noexcept {
    held_since_ = loop_->now();
    if (wanted_at == Clock::time_point{}) return;
    gil_state_->waited_ns.fetch_add((held_since_ - wanted_at).count(), std::memory_order_relaxed);
}

bool Scheduler::may_be_woken() const noexcept {
    return outside_ > 0 || (guest_ && guest_->has_work()) || has_posts() ||
           control_->refs.load(std::memory_order_seq_cst) > 0 ||
           gil_state_->waiting.load(std::memory_order_seq_cst) > 0 || gil_state_->away > 0 ||
           stop_signal_.load(std::memory_order_relaxed) != heeded_signal_;
}

void Scheduler::drain_inbox() noexcept {
    for (int left = posts_per_turn; left > 0; --left) {
        if (!taken_posts_) taken_posts_ = inbox_.take_all();
        if (!taken_posts_) return;
        InboxNode& node = *taken_posts_;
        taken_posts_ = node.next;
        node.run(node);
    }
}

bool Scheduler::has_posts() const noexcept {
    return taken_posts_ || !inbox_.empty();
}

void Scheduler::post(InboxNode& node) noexcept {
    inbox_.push(node);
    wake_if_asleep();
}

void Scheduler::wait_for_news(std::chrono::nanoseconds at_most) noexcept {
    const auto until_timer = std::max(timers_.next_seen() - Clock::now(), Clock::duration::zero());
    news_awaited_.store(true, std::memory_order_seq_cst);
    if (inbox_.empty()) loop_->wait_for_news(std::min(until_timer, at_most));
    news_awaited_.store(false, std::memory_order_relaxed);
}

/// Permutes who is ready, but nobody passes a greenlet that yielded: it goes after all that were ready then.
void Scheduler::shuffle_ready() noexcept {
    std::vector<GreenletState*> all;
    while (!ready_.empty()) all.push_back(&ready_.pop_front());
    auto begin = all.begin();
    while (begin != all.end()) {
        const auto end = std::find_if(begin, all.end(), [](const GreenletState* g) {
            return g->queued == GreenletState::Queued::yielded;
        });
        std::shuffle(begin, end, shuffle_);
        begin = end == all.end() ? end : end + 1;
    }
    for (GreenletState* g : all) ready_.push_back(*g);
}

// --- Deadlock ----------------------------------------------------------------------------------------

void Scheduler::report_deadlock() noexcept {
    const std::string report = report_of(*this);
    GreenletState& main = *main_;
    if (!main.ended() && main.waiter && !held_back(main)) {
        extras_of(main).exception_signal = std::make_exception_ptr(WouldBlockForever{report});
        main.signals |= GreenletState::exception_signal;
        return interrupt(main);
    }
    if (draining_ && !deadlock_) {
        deadlock_ = std::make_exception_ptr(WouldBlockForever{report});
        return kill_rest(false);
    }
    // Somebody holds back the kill, and nothing can ever wake him.
    std::fprintf(stderr, "grove: %s\n", report.c_str());
    std::abort();
}

}  // namespace grove::detail

namespace grove {

namespace {

GROVE_COLD void yield_thread() {
    const detail::GilReleased released;
    std::this_thread::yield();
}

}  // namespace

void yield() {
    if (!detail::running_greenlet) return yield_thread();
    detail::GreenletState& g = *detail::running_greenlet;
    detail::throw_if_signalled(g);
    detail::Scheduler::here()->let_others_run(g);
    detail::throw_if_signalled(*detail::running_greenlet);
}

void detail::run_on_hub_stack(void (*f)(void*) noexcept, void* data) noexcept {
    if (Scheduler* const scheduler = Scheduler::here()) return scheduler->run_on_hub(f, data);
    f(data);
}

NoSwitch::NoSwitch() noexcept {
    ++detail::switching_forbidden;
}
NoSwitch::~NoSwitch() {
    --detail::switching_forbidden;
}

}  // namespace grove
