#pragma once

#include <grove/base/time.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/sync/detail/select_case.hpp>
#include <grove/sync/event.hpp>
#include <grove/sync/queue.hpp>
#include <grove/sync/semaphore.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

namespace grove {

/// What select() may wait for: the values of the on_...() functions below, or of on_readable() and its like.
template <class C>
concept SelectCase = std::derived_from<std::remove_cvref_t<C>, detail::SelectCaseBase>;

/// Waits for the first of several things, does that one, calls its handler, and says which it was: its place
/// among the arguments. The others are as if nobody had waited: no item, permit or turn of theirs is taken.
///
///     bool running = true;
///     while (running) {
///         grove::select(grove::on_get(jobs, [](Job job) { work(std::move(job)); }),
///                       grove::on_set(stop, [&] { running = false; }),
///                       grove::on_time(1s, [] { report(); }));
///     }
///
/// If several can be done at once, one of them is drawn by lot, and nothing switches; else the caller stands
/// in all the lines, first come first served, and the first to be served ends it. The handler runs in this
/// greenlet, when all that is over, and may block and throw.
///
/// **Throws** what the chosen operation throws by itself (ShutDown from a queue). Only a greenlet can wait.
/// Blocks.
template <SelectCase... Cases>
requires(sizeof...(Cases) > 0) std::size_t select(Cases&&... cases);

/// The same for a number of cases that is known at run time: a range of one of the types.
/// **Throws** std::invalid_argument if it is empty. Blocks.
template <std::ranges::forward_range R>
requires SelectCase<std::ranges::range_reference_t<R>> std::size_t select(R&& cases);

/// The same, if one can be done at once; nothing otherwise. Never waits for the things, but a handler may
/// block.
template <SelectCase... Cases>
requires(sizeof...(Cases) > 0) [[nodiscard]] std::optional<std::size_t> try_select(Cases&&... cases);

// --- what to wait for -------------------------------------------------------------------------
// Each refers to what it is given; f is called with what it says, or not given at all.

/// An item of a Queue, LifoQueue, PriorityQueue or Channel: f(item). Once that is shut down and empty:
/// at_end(), or else select() throws ShutDown.
template <class Q, class F, std::invocable E = detail::ThrowShutDown>
[[nodiscard]] auto on_get(Q& queue, F f, E at_end = {});
/// Room for `item`, which is then moved in: f(). If another case is chosen, the item is untouched.
template <class Q, class T, class F = detail::DoNothing>
requires(!std::is_lvalue_reference_v<T>) [[nodiscard]] auto on_put(Q& queue, T&& item, F f = {});
/// An Event that is set: f().
template <std::invocable F = detail::DoNothing>
[[nodiscard]] auto on_set(const Event&, F f = {});
/// An AsyncResult that has its value or exception: f(), which may ask for it.
template <class T, std::invocable F = detail::DoNothing>
[[nodiscard]] auto on_ready(const AsyncResult<T>&, F f = {});
/// The end of a greenlet, however it ended: f(). Requires: the handle is not empty.
template <std::invocable F = detail::DoNothing>
[[nodiscard]] auto on_end(const GreenletRef&, F f = {});
/// A permit: f(), which owns it, as after acquire().
template <std::invocable F = detail::DoNothing>
[[nodiscard]] auto on_acquire(Semaphore&, F f = {});
/// A point in time: f(). Never, if that is the Deadline.
template <std::invocable F = detail::DoNothing>
[[nodiscard]] auto on_time(Deadline, F f = {});

// ---------------------------------------------------------------------------------------------

template <SelectCase... Cases>
requires(sizeof...(Cases) > 0) std::size_t select(Cases&&... cases) {
    const std::array<detail::SelectCaseBase*, sizeof...(Cases)> all{&cases...};
    std::array<detail::Waiter, sizeof...(Cases)> waiters{};
    return detail::select_one(all, waiters);
}

template <std::ranges::forward_range R>
requires SelectCase<std::ranges::range_reference_t<R>> std::size_t select(R&& cases) {
    std::vector<detail::SelectCaseBase*> all;
    for (auto& one : cases) all.push_back(&one);
    std::vector<detail::Waiter> waiters(all.size());
    return detail::select_one(all, waiters);
}

template <SelectCase... Cases>
requires(sizeof...(Cases) > 0) [[nodiscard]] std::optional<std::size_t> try_select(Cases&&... cases) {
    const std::array<detail::SelectCaseBase*, sizeof...(Cases)> all{&cases...};
    return detail::select_ready(all);
}

namespace detail {

/// Where the lines are that a greenlet can stand in.
struct SelectAccess {
    template <class Q>
    [[nodiscard]] static auto& core(Q& queue) noexcept {
        return queue.core_;
    }
    template <class Signal>
    [[nodiscard]] static WaitList& waiters(const Signal& signal) noexcept {
        return const_cast<WaitList&>(signal.waiters_);  // to wait changes nothing that can be seen
    }
    [[nodiscard]] static bool holds(const Event& event) noexcept { return event.is_set(); }
    template <class T>
    [[nodiscard]] static bool holds(const AsyncResult<T>& result) noexcept {
        return result.ready();
    }
    [[nodiscard]] static WaitList& joiners(const GreenletRef& greenlet) noexcept {
        return GreenletAccess::state(greenlet)->joiners;
    }
};

template <class Core, class F, class E>
class GetCase final : public SelectCaseBase {
public:
    GetCase(Core& core, F f, E at_end) : core_{&core}, f_{std::move(f)}, at_end_{std::move(at_end)} {}

    [[nodiscard]] bool ready() const noexcept override { return core_->can_get() || core_->at_end(); }
    [[nodiscard]] bool take() override {
        if (core_->at_end()) return true;
        item_ = core_->try_get();
        return item_.has_value();
    }
    void enroll(Waiter& waiter) noexcept override {
        getter_ = {};
        core_->enroll(waiter, getter_);
    }
    void receive() override {
        if (getter_.node) item_ = core_->receive(getter_);
    }
    void act() override {
        if (!item_) return static_cast<void>(std::invoke(at_end_));
        auto item = *std::exchange(item_, std::nullopt);
        std::invoke(f_, std::move(item));
    }

private:
    Core* core_;
    F f_;
    E at_end_;
    typename Core::Getter getter_;
    std::optional<typename Core::Item> item_;  // empty when it acts: the end
};

template <class Core, class F>
class PutCase final : public SelectCaseBase {
public:
    PutCase(Core& core, typename Core::Item& item, F f) : core_{&core}, f_{std::move(f)}, putter_{item} {}

    [[nodiscard]] bool ready() const noexcept override { return core_->can_put(); }
    [[nodiscard]] bool take() override { return core_->try_put(putter_.item); }
    void enroll(Waiter& waiter) noexcept override { core_->enroll(waiter, putter_); }
    void receive() override { Core::conclude(putter_); }
    void act() override { std::invoke(f_); }

private:
    Core* core_;
    F f_;
    typename Core::Putter putter_;
};

/// Something that is so or becomes so, and of which nothing is taken.
template <class Signal, class F>
class SignalCase final : public SelectCaseBase {
public:
    SignalCase(const Signal& signal, F f) : signal_{&signal}, f_{std::move(f)} {}

    [[nodiscard]] bool ready() const noexcept override { return SelectAccess::holds(*signal_); }
    void enroll(Waiter& waiter) noexcept override { waiter.list = &SelectAccess::waiters(*signal_); }
    void act() override { std::invoke(f_); }

private:
    const Signal* signal_;
    F f_;
};

template <class F>
class EndCase final : public SelectCaseBase {
public:
    EndCase(GreenletRef greenlet, F f) : greenlet_{std::move(greenlet)}, f_{std::move(f)} {}

    [[nodiscard]] bool ready() const noexcept override { return greenlet_.ready(); }
    void enroll(Waiter& waiter) noexcept override { waiter.list = &SelectAccess::joiners(greenlet_); }
    void act() override { std::invoke(f_); }

private:
    GreenletRef greenlet_;
    F f_;
};

template <class F>
class AcquireCase final : public SelectCaseBase {
public:
    AcquireCase(Semaphore& permits, F f) : permits_{&permits}, f_{std::move(f)} {}

    [[nodiscard]] bool ready() const noexcept override { return permits_->available() > 0; }
    [[nodiscard]] bool take() override { return permits_->try_acquire(); }
    void enroll(Waiter& waiter) noexcept override { waiter.list = &SelectAccess::waiters(*permits_); }
    void act() override { std::invoke(f_); }

private:
    Semaphore* permits_;
    F f_;
};

template <class F>
class TimeCase final : public SelectCaseBase {
public:
    TimeCase(Deadline by, F f) : by_{by}, f_{std::move(f)} {}

    [[nodiscard]] bool ready() const noexcept override { return by_.passed(); }
    [[nodiscard]] Deadline due() const noexcept override { return by_; }
    void enroll(Waiter&) noexcept override {}
    void act() override { std::invoke(f_); }

private:
    Deadline by_;
    F f_;
};

}  // namespace detail

template <class Q, class F, std::invocable E>
auto on_get(Q& queue, F f, E at_end) {
    auto& core = detail::SelectAccess::core(queue);
    return detail::GetCase<std::remove_reference_t<decltype(core)>, F, E>{
        core, std::move(f), std::move(at_end)};
}

template <class Q, class T, class F>
requires(!std::is_lvalue_reference_v<T>) auto on_put(Q& queue, T&& item, F f) {
    auto& core = detail::SelectAccess::core(queue);
    return detail::PutCase<std::remove_reference_t<decltype(core)>, F>{core, item, std::move(f)};
}

template <std::invocable F>
auto on_set(const Event& event, F f) {
    return detail::SignalCase<Event, F>{event, std::move(f)};
}

template <class T, std::invocable F>
auto on_ready(const AsyncResult<T>& result, F f) {
    return detail::SignalCase<AsyncResult<T>, F>{result, std::move(f)};
}

template <std::invocable F>
auto on_end(const GreenletRef& greenlet, F f) {
    return detail::EndCase<F>{greenlet, std::move(f)};
}

template <std::invocable F>
auto on_acquire(Semaphore& permits, F f) {
    return detail::AcquireCase<F>{permits, std::move(f)};
}

template <std::invocable F>
auto on_time(Deadline by, F f) {
    return detail::TimeCase<F>{by, std::move(f)};
}

}  // namespace grove
