#pragma once

#include <grove/base/fiber_record.hpp>
#include <grove/base/source_site.hpp>
#include <grove/base/value_slot.hpp>
#include <grove/core/wait_list.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <tuple>
#include <utility>

namespace grove {
class Timeout;
}

namespace grove::detail {

class Scheduler;
struct GreenletExtras;
struct GreenletState;
struct Hurry;

struct ExtrasDeleter {
    void operator()(GreenletExtras*) const noexcept;
};

/// Told, without switching, that a greenlet has ended. Linked into the greenlet until then.
struct EndWatch {
    using Ended = void (*)(EndWatch&, GreenletState&) noexcept;

    explicit EndWatch(Ended f) noexcept : ended{f} {}
    EndWatch(const EndWatch&) = delete;
    EndWatch& operator=(const EndWatch&) = delete;

    Ended ended;
    EndWatch* prev = nullptr;
    EndWatch* next = nullptr;
    GreenletState* greenlet = nullptr;  ///< null: not linked
};

/// The control block of a greenlet: all there is to know of it but its closure and its result, which derived
/// classes add. Counted by its handles; the scheduler holds one count while the greenlet lives.
/// Guarded by the Gil. What few greenlets need is in `extras`, made on first use.
struct GreenletState : FiberRecord {
    enum class Phase : std::uint8_t { fresh, started, ended };
    /// Whether it is in the ready queue, and why. One that yielded goes after all that were ready then.
    enum class Queued : std::uint8_t { no, woken, yielded };
    /// What the next wait throws, in this order. killed stays until the end, expired until its scope ends.
    enum Signal : std::uint8_t { killed_signal = 1, exception_signal = 2, expired_signal = 4 };

    GreenletState() noexcept = default;
    GreenletState(const GreenletState&) = delete;
    GreenletState& operator=(const GreenletState&) = delete;
    virtual ~GreenletState();

    // From what the runtime keeps of earlier ones; a closure of unusual alignment is on its own.
    static void* operator new(std::size_t size);
    static void operator delete(void* place, std::size_t size) noexcept;
    static void* operator new(std::size_t size, std::align_val_t alignment);
    static void operator delete(void* place, std::size_t size, std::align_val_t alignment) noexcept;

    virtual void invoke() = 0;  ///< calls the closure, keeps what it returns
    virtual void drop_closure() noexcept = 0;
    virtual void drop_result() noexcept = 0;  ///< nobody will ask for it

    // Touched at each switch.
    GreenletState* next_ready = nullptr;
    Waiter* waiter = nullptr;  ///< the wait it is in, while that may be interrupted
    Phase phase = Phase::fresh;
    std::uint8_t signals = 0;
    Queued queued = Queued::no;
    bool ended_by_kill = false;
    bool daemon = false;
    bool canary = false;  ///< its stack has a canary for a guard
    std::uint32_t refs = 0;
    std::uint32_t shields = 0;

    // Touched when it waits, starts and ends.
    const char* waits_for = "";  ///< a literal, for reports
    Clock::time_point waits_since{};
    Timeout* timeouts = nullptr;  ///< innermost first
    Scheduler* scheduler = nullptr;
    GreenletState* prev_live = nullptr;
    GreenletState* next_live = nullptr;
    WaitList joiners;
    EndWatch* first_watch = nullptr;
    EndWatch* last_watch = nullptr;

    // Rarely touched.
    Hurry* hurry = nullptr;    ///< the offloaded job it waits for, to be told of a kill
    std::exception_ptr error;  ///< what ended it
    std::unique_ptr<GreenletExtras, ExtrasDeleter> extras;
    std::uint64_t id = 0;
    std::uint64_t end_order = 0;   ///< when it ended, among the greenlets of its runtime
    std::uint32_t stack_size = 0;  ///< bytes; 0: the runtime's default
    SourceSite site{};

    [[nodiscard]] bool ended() const noexcept { return phase == Phase::ended; }
};

void destroy(GreenletState*) noexcept;
/// Requires: the greenlet has not ended; the watch is not linked.
void add_end_watch(GreenletState&, EndWatch&) noexcept;
/// Does nothing if it is not linked.
void remove_end_watch(EndWatch&) noexcept;

/// Counts the handles of a greenlet; not atomic, for the Gil guards it.
class GreenletPtr {
public:
    GreenletPtr() noexcept = default;
    explicit GreenletPtr(GreenletState* state) noexcept : state_{state} { retain(); }
    GreenletPtr(const GreenletPtr& other) noexcept : state_{other.state_} { retain(); }
    GreenletPtr(GreenletPtr&& other) noexcept : state_{std::exchange(other.state_, nullptr)} {}
    GreenletPtr& operator=(GreenletPtr other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~GreenletPtr() {
        if (state_ && --state_->refs == 0) destroy(state_);
    }

    [[nodiscard]] GreenletState* get() const noexcept { return state_; }
    GreenletState* operator->() const noexcept { return state_; }
    GreenletState& operator*() const noexcept { return *state_; }
    [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }
    friend bool operator==(const GreenletPtr&, const GreenletPtr&) = default;

private:
    void retain() noexcept {
        if (state_) ++state_->refs;
    }

    GreenletState* state_ = nullptr;
};

template <class T>
struct ResultState : GreenletState {
    void drop_result() noexcept override { value.clear(); }

    ValueSlot<T> value;
};

template <class T, class F, class... Args>
struct ClosureState final : ResultState<T> {
    template <class... A>
    explicit ClosureState(A&&... parts) : closure{std::in_place, std::forward<A>(parts)...} {}

    void invoke() override {
        this->value.fill([this]() -> T {
            return std::apply([](auto&... parts) -> T { return std::invoke(std::move(parts)...); }, *closure);
        });
    }
    void drop_closure() noexcept override { closure.reset(); }

    std::optional<std::tuple<F, Args...>> closure;
};

/// The greenlet that runs on this thread; null on a thread without a runtime.
extern constinit thread_local GreenletState* running_greenlet;

}  // namespace grove::detail
