#include <grove/base/error.hpp>
#include <grove/core/runtime.hpp>

#include "core/gil_state.hpp"
#include "core/greenlet_internal.hpp"
#include "core/run_main.hpp"
#include "core/runtime_control.hpp"
#include "core/scheduler.hpp"
#include "core/stop_signals.hpp"

#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

namespace grove {

// --- Running -----------------------------------------------------------------------------------------

namespace detail {

void run_main(const RunOptions& options, MainBody& main, Environment environment) {
    if (Scheduler::here()) throw std::logic_error{"run: a runtime runs on this thread already"};
    int signal = 0;
    std::exception_ptr error;
    {
        const auto scheduler = std::make_unique<Scheduler>(options, std::move(environment));
        const StopSignals stop_signals{options.stop_signals, *scheduler};
        try {
            scheduler->run(main);
        } catch (...) {  // thrown on when the runtime is gone
            error = std::current_exception();
        }
        signal = scheduler->stop_signal();
    }
    if (signal > 0) end_process_by(signal);
    if (error) std::rethrow_exception(error);
}

void run_main(const RunOptions& options, MainBody& main) {
    run_main(options, main, {});
}

void checkpoint_slow() {
    if (Scheduler* const scheduler = Scheduler::here()) {
        if (running_greenlet) scheduler->checkpoint_slow();
    } else if (Gil* const held = GilAccess::held_by_this_thread()) {
        const auto up = GilAccess::state(*held).breaker.load(std::memory_order_relaxed);
        if (up & breaker_bit::drop_request) GilAccess::hand_over(*held);
    }
}

}  // namespace detail

void sleep(Deadline until) {
    if (!detail::running_greenlet) {
        const detail::GilReleased released;
        detail::os().poll(nullptr, 0, until);
    } else if (until.passed()) {
        yield();
    } else {
        WaitList nobody_notifies;
        (void)detail::wait(nobody_notifies, until, "sleep");
    }
}

Clock::time_point now() noexcept {
    const detail::Scheduler* const scheduler = detail::Scheduler::here();
    return scheduler ? scheduler->now() : Clock::now();
}

void set_unhandled_exception_handler(UniqueFunction<void(GreenletRef, std::exception_ptr)> f) {
    detail::Scheduler* const scheduler = detail::Scheduler::touchable();
    if (!scheduler) throw std::logic_error{"set_unhandled_exception_handler: no runtime on this thread"};
    scheduler->set_unhandled_handler(std::move(f));
}

// --- Other threads -----------------------------------------------------------------------------------

namespace detail {

namespace {

/// Part of what was posted after the end of main, for as long as that lives.
class LatePost {
public:
    explicit LatePost(Scheduler& s) noexcept : scheduler_{&s} { s.add_late_post(); }
    LatePost(LatePost&& other) noexcept : scheduler_{std::exchange(other.scheduler_, nullptr)} {}
    LatePost& operator=(LatePost&&) = delete;
    ~LatePost() {
        if (scheduler_) scheduler_->drop_late_post();
    }

private:
    Scheduler* scheduler_;
};

}  // namespace

/// A function on its way into a runtime.
struct PostNode : InboxNode {
    explicit PostNode(UniqueFunction<void()> f) noexcept : InboxNode{&arrive}, function{std::move(f)} {}

    static void arrive(InboxNode& node) noexcept {
        const std::unique_ptr<PostNode> self{static_cast<PostNode*>(&node)};
        Scheduler& scheduler = *Scheduler::here();
        if (!scheduler.draining()) {
            spawn({.name = "posted"}, std::move(self->function));
        } else {
            spawn({.name = "posted"},
                  [late = LatePost{scheduler}, f = std::move(self->function)]() mutable { f(); });
        }
    }

    UniqueFunction<void()> function;
};

struct Completion::State {
    struct Wake : InboxNode {
        Wake() noexcept : InboxNode{&arrive} {}
        static void arrive(InboxNode& node) noexcept {
            auto& wake = static_cast<Wake&>(node);
            wake.done = true;
            const auto keep = std::move(wake.keep);
            if (wake.parked) keep->greenlet->scheduler->make_ready(*keep->greenlet);
        }
        bool parked = false;  // these by the waiting runtime's thread alone
        bool done = false;
        std::shared_ptr<State> keep;
    };

    // Null: an OS thread waits.
    std::shared_ptr<RuntimeControl> control = Scheduler::here() ? Scheduler::here()->control() : nullptr;
    GreenletState* greenlet = running_greenlet;
    Wake wake;

    std::mutex mutex;  // guards done, for an OS thread
    std::condition_variable changed;
    bool done = false;
};

Completion::Completion() : state_{std::make_shared<State>()} {}
Completion::~Completion() = default;

void Completion::wait() {
    State& state = *state_;
    if (state.control) {
        Scheduler& scheduler = *Scheduler::here();
        const OutsideWork outside{scheduler};
        state.wake.parked = true;
        if (!state.wake.done) scheduler.suspend_for("RuntimeRef::call");
        return;
    }
    const GilReleased released;
    std::unique_lock lock{state.mutex};
    state.changed.wait(lock, [&state] { return state.done; });
}

void Completion::signal() noexcept {
    const std::shared_ptr<State> state = state_;
    if (state->control) {
        state->wake.keep = state;
        // With the mutex: as soon as the node is in the inbox, that runtime may go on, and end.
        const std::scoped_lock lock{state->control->mutex};
        return state->control->scheduler->post(state->wake);
    }
    const std::scoped_lock lock{state->mutex};
    state->done = true;
    state->changed.notify_all();
}

}  // namespace detail

RuntimeRef::RuntimeRef(std::shared_ptr<detail::RuntimeControl> control) noexcept
    : control_{std::move(control)} {
    ++control_->refs;
}

RuntimeRef::RuntimeRef(const RuntimeRef& other) noexcept : control_{other.control_} {
    if (control_) ++control_->refs;
}

RuntimeRef& RuntimeRef::operator=(RuntimeRef other) noexcept {
    std::swap(control_, other.control_);
    return *this;
}

RuntimeRef::~RuntimeRef() {
    if (!control_ || --control_->refs > 0) return;
    // Without it, those who wait may wait for ever: the hub has to look.
    const std::scoped_lock lock{control_->mutex};
    if (control_->scheduler) control_->scheduler->wake_if_asleep();
}

bool RuntimeRef::post(UniqueFunction<void()> f) const {
    const std::scoped_lock lock{control_->mutex};
    if (!control_->scheduler || !control_->accepts_posts) return false;
    control_->scheduler->post(*std::make_unique<detail::PostNode>(std::move(f)).release());
    return true;
}

bool RuntimeRef::running() const noexcept {
    const std::scoped_lock lock{control_->mutex};
    return control_->scheduler != nullptr;
}

Gil& RuntimeRef::gil() const {
    if (!running()) throw_closed();
    return control_->gil;
}

bool RuntimeRef::is_here() const noexcept {
    return detail::Scheduler::here() && detail::Scheduler::here()->control() == control_;
}

void RuntimeRef::throw_closed() {
    throw std::system_error{make_error_code(Errc::closed), "RuntimeRef: the runtime has ended"};
}

RuntimeRef this_runtime() {
    if (detail::Scheduler* const here = detail::Scheduler::here()) return RuntimeRef{here->control()};
    if (detail::served_runtime) return RuntimeRef{detail::served_runtime->shared_from_this()};
    if (detail::Scheduler* const held = detail::Scheduler::touchable()) return RuntimeRef{held->control()};
    throw std::logic_error{"this_runtime: no runtime on this thread"};
}

Gil& gil() {
    if (detail::Scheduler* const here = detail::Scheduler::here()) return here->gil();
    if (detail::served_runtime) return detail::served_runtime->gil;
    if (Gil* const held = detail::GilAccess::held_by_this_thread()) return *held;
    throw std::logic_error{"gil: no runtime on this thread; RuntimeRef::gil() is for it"};
}

}  // namespace grove
