#pragma once

#include <grove/base/error.hpp>
#include <grove/base/time.hpp>
#include <grove/base/unique_function.hpp>  // UniqueFunction<Sig>: a move-only std::function with inline room
#include <grove/base/value_slot.hpp>
#include <grove/core/gil.hpp>
#include <grove/core/greenlet.hpp>

#include <atomic>
#include <chrono>
#include <concepts>
#include <csignal>
#include <cstddef>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace grove {

struct RunOptions {
    std::size_t stack_size = 256 * 1024;        ///< bytes per greenlet, guard page excluded
    unsigned native_threads = 0;                ///< threads offload() may occupy at once; 0: one per core
    std::chrono::microseconds time_slice{500};  ///< after this long checkpoint() yields; sooner if I/O waits
    std::chrono::microseconds switch_interval{5000};  ///< see Gil::set_switch_interval
    /// Who keeps others from running for longer is logged, with where it is (SIGURG asks, unless the program
    /// has a handler for it): a greenlet, and where it was spawned; a thread with the Gil. 0: nobody looks.
    std::chrono::milliseconds runaway_limit{100};
    /// Each kills the main greenlet and, once main has ended, the others. When all has unwound, run() raises
    /// the signal again with its default action, so the process ends with the status its parent expects. A
    /// second one meanwhile ends the process at once. One the process ignored stays ignored.
    std::vector<int> stop_signals{SIGINT, SIGTERM};
};

/// Starts a runtime on this thread, calls main as its first greenlet, and returns what main returned or
/// rethrows what it threw (GreenletExit, if it was killed). When main ends, run() waits for the greenlets
/// that are left, except daemons, which are killed and joined: their destructors have run when run() returns.
/// Main runs on this thread's own stack. Throws std::logic_error if a runtime runs on this thread already.
/// Other threads may run their own (each has its own Gil).
template <std::invocable F>
std::invoke_result_t<F> run(F&& main);
template <std::invocable F>
std::invoke_result_t<F> run(const RunOptions&, F&& main);

/// Lets every other ready greenlet run first; sleep(0) of the notes. On a plain thread: of the system.
/// Blocks.
void yield();

/// Waits for the time to pass; `sleep({})` waits to be killed. Blocks.
void sleep(Deadline until);

/// A place to be interrupted, cheap enough for inner loops (one load when nothing is up): throws if this
/// greenlet was killed or its Timeout expired, yields if its time slice is used up, hands the Gil over if
/// another thread asked for it. Blocks.
void checkpoint();

/// The time of the present turn of the event loop. Cost: a load; up to one turn old. On a plain thread: the
/// time.
[[nodiscard]] Clock::time_point now() noexcept;

namespace detail {
struct RuntimeControl;
struct PostNode;
struct RuntimeAccess;

/// Wakes an OS thread or a greenlet of another runtime, whichever waits.
class Completion {
public:
    Completion();
    ~Completion();
    Completion(const Completion&) = delete;
    Completion& operator=(const Completion&) = delete;

    void wait();             ///< Blocks; not interrupted by kill.
    void signal() noexcept;  ///< Any thread. The object may be gone when this returns.

private:
    struct State;
    std::shared_ptr<State> state_;
};
}  // namespace detail

/// A runtime, seen from any thread. Copies mean the same one; it may outlive it. While one lives, greenlets
/// that all wait are not a deadlock: a thread may still post.
class RuntimeRef {
public:
    explicit RuntimeRef(std::shared_ptr<detail::RuntimeControl>) noexcept;
    RuntimeRef(const RuntimeRef&) noexcept;
    RuntimeRef(RuntimeRef&&) noexcept = default;
    RuntimeRef& operator=(RuntimeRef) noexcept;
    ~RuntimeRef();

    /// Runs f in a new greenlet of that runtime, and run() waits for its end. False if the runtime has ended,
    /// or is about to: main has, and so have all others but those posted since. Any thread.
    bool post(UniqueFunction<void()> f) const;
    /// Runs f there and waits for its result or exception here (this OS thread blocks; a greenlet of
    /// another runtime parks). Throws Errc::closed if the runtime has ended. Any thread.
    template <std::invocable F>
    std::invoke_result_t<F> call(F&& f) const;
    [[nodiscard]] bool running() const noexcept;  ///< Any thread.
    [[nodiscard]] Gil& gil() const;  ///< Throws Errc::closed if the runtime has ended. Any thread.

private:
    [[nodiscard]] bool is_here() const noexcept;  // the runtime of this very thread
    [[noreturn]] static void throw_closed();

    std::shared_ptr<detail::RuntimeControl> control_;
};

/// The runtime this code works for: the one on this thread, the one whose offload() job this is, or the one
/// whose server's handler this thread runs. Throws std::logic_error if there is none.
[[nodiscard]] RuntimeRef this_runtime();

/// Called with what an abandoned greenlet threw (its handle is gone, nobody linked). Default, and with an
/// empty function again: log it. Per runtime; throws std::logic_error where there is none.
void set_unhandled_exception_handler(UniqueFunction<void(GreenletRef, std::exception_ptr)>);

// ---------------------------------------------------------------------------------------------

namespace detail {

/// The main greenlet's body, whatever its type.
class MainBody {
public:
    virtual void call() = 0;

protected:
    ~MainBody() = default;
};

/// Runs a whole runtime around it; throws what main threw.
void run_main(const RunOptions&, MainBody&);

/// What a checkpoint() must look at: a set of bits, 0 when nothing is up. On a thread that holds a Gil, the
/// Gil's.
extern constinit thread_local const std::atomic<std::uint32_t>* breaker;
void checkpoint_slow();

}  // namespace detail

template <std::invocable F>
std::invoke_result_t<F> run(const RunOptions& options, F&& main) {
    using R = std::invoke_result_t<F>;
    struct Body final : detail::MainBody {
        explicit Body(F& f) noexcept : function{f} {}
        void call() override {
            value.fill([this]() -> R { return std::invoke(std::forward<F>(function)); });
        }
        F& function;
        detail::ValueSlot<R> value;
    };
    Body body{main};
    detail::run_main(options, body);
    return body.value.take();
}

template <std::invocable F>
std::invoke_result_t<F> run(F&& main) {
    return run(RunOptions{}, std::forward<F>(main));
}

inline void checkpoint() {
    if (detail::breaker->load(std::memory_order_relaxed) != 0) detail::checkpoint_slow();
}

template <std::invocable F>
std::invoke_result_t<F> RuntimeRef::call(F&& f) const {
    using R = std::invoke_result_t<F>;
    if (is_here()) return std::invoke(std::forward<F>(f));
    struct Shared {
        detail::ValueSlot<R> value;
        std::exception_ptr error;
        detail::Completion done;
    } shared;
    // Part of the posted closure, so it tells us also when the greenlet is killed before it runs f.
    struct SignalAtEnd {
        explicit SignalAtEnd(Shared& s) noexcept : shared{&s} {}
        SignalAtEnd(SignalAtEnd&& other) noexcept : shared{std::exchange(other.shared, nullptr)} {}
        ~SignalAtEnd() {
            if (shared) shared->done.signal();
        }
        Shared* shared;
    };
    const bool posted = post([&f, &shared, at_end = SignalAtEnd{shared}] {
        try {
            shared.value.fill([&f]() -> R { return std::invoke(std::forward<F>(f)); });
        } catch (const Unwind&) {
            throw;
        } catch (...) {  // thrown where call() was called
            shared.error = std::current_exception();
        }
    });
    if (!posted) throw_closed();
    shared.done.wait();
    if (!shared.value.filled() && !shared.error) throw_closed();  // killed there
    if (shared.error) std::rethrow_exception(shared.error);
    return shared.value.take();
}

}  // namespace grove
