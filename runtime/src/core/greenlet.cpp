#include <grove/base/assert.hpp>
#include <grove/base/error.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>

#include "core/gil_state.hpp"
#include "core/greenlet_extras.hpp"
#include "core/greenlet_internal.hpp"
#include "core/scheduler.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>

namespace grove {

namespace detail {

GreenletState::~GreenletState() = default;

void* GreenletState::operator new(std::size_t size) {
    return InBlocks<>::operator new(size);
}
void GreenletState::operator delete(void* place, std::size_t size) noexcept {
    InBlocks<>::operator delete(place, size);
}
void* GreenletState::operator new(std::size_t size, std::align_val_t alignment) {
    return ::operator new(size, alignment);
}
void GreenletState::operator delete(void* place, std::size_t, std::align_val_t alignment) noexcept {
    ::operator delete(place, alignment);
}

void destroy(GreenletState* g) noexcept {
    delete g;
}

GreenletExtras& extras_of(GreenletState& g) {
    if (!g.extras) g.extras.reset(new GreenletExtras);
    return *g.extras;
}

void ExtrasDeleter::operator()(GreenletExtras* extras) const noexcept {
    delete extras;
}

// --- Starting ------------------------------------------------------------------------------------------

namespace {

/// Everything but making it ready.
Scheduler& introduce(GreenletState& g, const SpawnOptions& options) {
    Scheduler* const scheduler = Scheduler::touchable();
    if (!scheduler && GilAccess::held_by_this_thread())
        throw std::system_error{make_error_code(Errc::closed),
                                "spawn: the runtime whose Gil this is has ended"};
    if (!scheduler) {
        throw std::logic_error{
            "spawn: this thread runs no runtime and holds no Gil; RuntimeRef::post() is for it"};
    }
    if (options.stack_size != 0 && options.stack_size < StackPool::smallest) {
        throw std::invalid_argument{"spawn: stack_size is " + std::to_string(options.stack_size) +
                                    " bytes, the least is " + std::to_string(StackPool::smallest)};
    }
    constexpr auto largest = std::numeric_limits<std::uint32_t>::max();
    if (options.stack_size > largest) {
        throw std::invalid_argument{"spawn: stack_size is " + std::to_string(options.stack_size) +
                                    " bytes, the most is " + std::to_string(largest)};
    }
    if (!options.name.empty()) extras_of(g).name = options.name;
    g.stack_size = static_cast<std::uint32_t>(options.stack_size);
    g.site = options.site;
    return *scheduler;
}

void start_late(Timer& timer) noexcept {
    GreenletState& g = static_cast<GreenletExtras::LateStart&>(timer).greenlet;
    g.scheduler->make_ready(g);
}

}  // namespace

void launch(GreenletState& g, const SpawnOptions& options) {
    Scheduler& scheduler = introduce(g, options);
    scheduler.adopt(g, options.daemon);
    scheduler.make_ready(g);
}

void launch_later(GreenletState& g, const SpawnOptions& options, Clock::duration delay) {
    Scheduler& scheduler = introduce(g, options);
    auto& late_start = extras_of(g).late_start;
    late_start = std::make_unique<GreenletExtras::LateStart>(g, &start_late);
    const Deadline at{delay};
    scheduler.adopt(g, options.daemon);
    g.waits_for = "its start";
    g.waits_since = scheduler.now();
    if (!at.is_never()) scheduler.timers().add(*late_start, at.at());
}

// --- Signals ---------------------------------------------------------------------------------------------

bool held_back(const GreenletState& g) noexcept {
    if (g.shields > 0) return true;
    return &g == running_greenlet ? std::uncaught_exceptions() > 0 : g.exceptions.uncaught > 0;
}

void throw_signal_unless_held_back(GreenletState& g) {
    if (!held_back(g)) throw_signal(g);
}

void throw_signal(GreenletState& g) {
    if (g.signals & GreenletState::killed_signal) throw GreenletExit{};
    if (g.signals & GreenletState::exception_signal) {
        g.signals &= static_cast<std::uint8_t>(~GreenletState::exception_signal);
        std::rethrow_exception(std::exchange(g.extras->exception_signal, nullptr));
    }
    throw_expired(g);
}

void interrupt(GreenletState& g) noexcept {
    Scheduler& scheduler = *g.scheduler;
    if (g.phase == GreenletState::Phase::fresh) {
        // Begins at once, just to end.
        const bool wakes_now =
            (g.signals & ~GreenletState::expired_signal) != 0 && g.queued == GreenletState::Queued::no;
        if (!wakes_now) return;
        scheduler.timers().cancel(*g.extras->late_start);
        return scheduler.make_ready(g);
    }
    scheduler.raise_breaker(breaker_bit::signalled);
    if (held_back(g)) return;
    if (g.hurry) g.hurry->source.request_stop();
    if (!g.waiter) return;
    WaitListAccess::end(*g.waiter, Waiter::Outcome::interrupted);
}

// --- Ending ----------------------------------------------------------------------------------------------

namespace {

void call_closure(GreenletState& g) noexcept {
    if (g.error) return;  // it got no stack
    if (g.signals & GreenletState::killed_signal) {
        g.ended_by_kill = true;
    } else if (g.signals & GreenletState::exception_signal) {
        g.error = g.extras->exception_signal;
    } else {
        try {
            g.invoke();
        } catch (const GreenletExit&) {
            g.ended_by_kill = true;
        } catch (...) {  // kept for get(), links and the handler
            g.error = std::current_exception();
        }
    }
}

void run_link(const GreenletRef& ended, LinkId id) {
    auto& links = GreenletAccess::state(ended)->extras->links;
    const auto link = std::ranges::find(links, id, &GreenletExtras::Link::id);
    if (link == links.end()) return;  // unlinked meanwhile
    auto call = std::move(link->call);
    links.erase(link);
    call(ended);
}

void launch_link(GreenletState& g, LinkId id) {
    GreenletRef ended{GreenletPtr{&g}};
    spawn({.name = "link", .site = g.site}, [ended, id] { run_link(ended, id); });
}

/// Nobody has a handle, linked or watches: a group does that.
bool is_abandoned(const GreenletState& g) noexcept {
    const bool linked = g.extras && !g.extras->links.empty();
    return g.refs == 1 && !linked && !g.first_watch;  // the one is the scheduler's
}

}  // namespace

void drop_locals(GreenletState& g) noexcept {
    if (!g.extras) return;
    ++g.shields;
    while (!g.extras->locals.empty()) g.extras->locals.pop_back();
    --g.shields;
}

void run_to_end(GreenletState& g) noexcept {
    call_closure(g);
    ++g.shields;  // what is destroyed here may block, but not be interrupted any more
    g.drop_closure();
    drop_locals(g);
    if (g.refs == 1) g.drop_result();  // here rather than where it may not block
    --g.shields;
    g.scheduler->disown(g);
    announce_end(g);
}

void announce_end(GreenletState& g) noexcept {
    const bool abandoned = g.error && g.id != 1 && is_abandoned(g);  // before the watches are gone
    g.joiners.notify_all();
    while (EndWatch* watch = g.first_watch) {
        remove_end_watch(*watch);
        watch->ended(*watch, g);
    }
    // Who restarts a daemon that has ended does not mean one that the runtime ended.
    if (g.extras && !(g.daemon && g.scheduler->daemons_end())) {
        for (const auto& link : g.extras->links) launch_link(g, link.id);
    }
    if (abandoned) g.scheduler->report_unhandled(g);
}

void add_end_watch(GreenletState& g, EndWatch& watch) noexcept {
    GROVE_ASSERT(!g.ended(), "a greenlet that has ended is watched");
    watch.greenlet = &g;
    watch.next = nullptr;
    watch.prev = g.last_watch;
    (g.last_watch ? g.last_watch->next : g.first_watch) = &watch;
    g.last_watch = &watch;
}

void remove_end_watch(EndWatch& watch) noexcept {
    if (!watch.greenlet) return;
    GreenletState& g = *std::exchange(watch.greenlet, nullptr);
    (watch.prev ? watch.prev->next : g.first_watch) = watch.next;
    (watch.next ? watch.next->prev : g.last_watch) = watch.prev;
}

// --- Waiting for ends ------------------------------------------------------------------------------------

namespace {

bool join_until(GreenletState& g, Deadline by) {
    if (g.ended()) return true;
    if (&g == running_greenlet) throw std::logic_error{"join: a greenlet cannot wait for its own end"};
    const GreenletPtr keep{&g};  // the caller's handle may be gone when we wake
    return wait(g.joiners, by, "join");
}

/// Counts ends for one waiting greenlet.
struct EndCounter {
    EndCounter(std::size_t ends, bool or_failure) noexcept : missing{ends}, stop_at_failure{or_failure} {}

    struct Watch : EndWatch {
        explicit Watch(EndCounter& c) noexcept : EndWatch{&count}, counter{c} {}
        ~Watch() { remove_end_watch(*this); }
        EndCounter& counter;
    };
    static void count(EndWatch& watch, GreenletState& g) noexcept {
        EndCounter& counter = static_cast<Watch&>(watch).counter;
        const bool failed = counter.stop_at_failure && g.error;
        if (counter.missing > 0) --counter.missing;
        if (counter.missing == 0 || failed) counter.enough.notify_all();
    }

    std::size_t missing;
    bool stop_at_failure;
    WaitList enough;
};

}  // namespace

void join_successful(GreenletState& g) {
    (void)join_until(g, {});
    if (g.error) std::rethrow_exception(g.error);
    if (g.ended_by_kill) {
        throw std::system_error{make_error_code(Errc::killed), "Greenlet::get: " + describe(g)};
    }
}

void wait_for_ends(std::span<GreenletState* const> greenlets,
                   std::size_t count,
                   bool stop_at_failure,
                   Deadline by) {
    // A greenlet named twice counts once.
    std::vector<GreenletState*> live;
    std::vector<GreenletState*> all{greenlets.begin(), greenlets.end()};
    std::ranges::sort(all);
    all.erase(std::unique(all.begin(), all.end()), all.end());
    std::size_t ended = 0;
    for (GreenletState* g : all) {
        if (!g->ended()) {
            live.push_back(g);
        } else if (stop_at_failure && g->error) {
            return;
        } else {
            ++ended;
        }
    }
    count = std::min(count, all.size());
    if (ended >= count) return;
    EndCounter counter{count - ended, stop_at_failure};
    std::vector<std::unique_ptr<EndCounter::Watch>> watches;
    for (GreenletState* g : live) {
        watches.push_back(std::make_unique<EndCounter::Watch>(counter));
        add_end_watch(*g, *watches.back());
    }
    (void)wait(counter.enough, by, "wait for ends");
}

void sort_by_end(std::vector<GreenletRef>& ended) noexcept {
    std::ranges::sort(ended, {}, [](const GreenletRef& g) { return GreenletAccess::state(g)->end_order; });
    ended.erase(std::unique(ended.begin(), ended.end()), ended.end());
}

void throw_first_failure(std::span<GreenletState* const> greenlets) {
    const GreenletState* first = nullptr;
    for (const GreenletState* g : greenlets) {
        if (g->ended() && g->error && (!first || g->end_order < first->end_order)) first = g;
    }
    if (first) std::rethrow_exception(first->error);
}

}  // namespace detail

// --- The handle ------------------------------------------------------------------------------------------

void GreenletRef::join() const {
    (void)join(Deadline{});
}

bool GreenletRef::join(Deadline by) const {
    GROVE_ASSERT(state_, "join of an empty handle");
    return detail::join_until(*state_, by);
}

void GreenletRef::kill() const noexcept {
    if (!state_ || state_->ended()) return;
    state_->signals |= detail::GreenletState::killed_signal;
    if (state_->extras && state_->extras->stop) state_->extras->stop->request_stop();
    detail::interrupt(*state_);
}

void GreenletRef::kill(std::exception_ptr exception) const noexcept {
    if (!state_ || state_->ended()) return;
    GROVE_ASSERT(exception, "kill with an empty exception_ptr");
    detail::extras_of(*state_).exception_signal = std::move(exception);
    state_->signals |= detail::GreenletState::exception_signal;
    detail::interrupt(*state_);
}

bool GreenletRef::ready() const noexcept {
    return state_ && state_->ended();
}
bool GreenletRef::successful() const noexcept {
    return ready() && !state_->error;
}
bool GreenletRef::killed() const noexcept {
    return ready() && state_->ended_by_kill;
}
std::exception_ptr GreenletRef::exception() const noexcept {
    return ready() ? state_->error : nullptr;
}
std::uint64_t GreenletRef::id() const noexcept {
    return state_ ? state_->id : 0;
}
SourceSite GreenletRef::spawn_site() const noexcept {
    return state_ ? state_->site : SourceSite{};
}

std::string_view GreenletRef::name() const noexcept {
    return state_ && state_->extras ? std::string_view{state_->extras->name} : std::string_view{};
}

LinkId GreenletRef::link(UniqueFunction<void(GreenletRef)> f) const {
    GROVE_ASSERT(state_, "link to an empty handle");
    static std::atomic<std::uint64_t> last_id{0};
    const LinkId id{++last_id};
    detail::extras_of(*state_).links.push_back({id, std::move(f)});
    if (state_->ended()) detail::launch_link(*state_, id);
    return id;
}

bool GreenletRef::unlink(LinkId id) const noexcept {
    if (!state_ || !state_->extras) return false;
    return std::erase_if(state_->extras->links, [id](const auto& link) { return link.id == id; }) > 0;
}

std::stop_token GreenletRef::stop_token() const {
    GROVE_ASSERT(state_, "stop_token of an empty handle");
    auto& stop = detail::extras_of(*state_).stop;
    if (!stop) {
        stop.emplace();
        if (state_->signals & detail::GreenletState::killed_signal || state_->ended_by_kill)
            stop->request_stop();
    }
    return stop->get_token();
}

GreenletRef current() noexcept {
    return detail::running_greenlet ? GreenletRef{detail::GreenletPtr{detail::running_greenlet}}
                                    : GreenletRef{};
}

}  // namespace grove
