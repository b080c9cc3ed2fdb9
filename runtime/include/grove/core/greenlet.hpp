#pragma once

#include <grove/base/source_site.hpp>
#include <grove/base/time.hpp>
#include <grove/base/unique_function.hpp>
#include <grove/core/detail/greenlet_state.hpp>

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <ranges>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace grove {

struct SpawnOptions {
    std::string_view name{};                  ///< copied; shown in logs, reports and by the monitor
    std::size_t stack_size = 0;               ///< bytes; 0 means RunOptions::stack_size
    bool daemon = false;                      ///< run() does not wait for it
    SourceSite site = SourceSite::current();  ///< shown in reports; by default where the options are written
};

namespace detail {
struct GreenletAccess;
}

enum class LinkId : std::uint64_t {};

/// A handle on a green thread, whatever its result. Copies mean the same greenlet. Dropping the
/// last one lets the greenlet run on, as in gevent; a Group ties its life to a scope.
class GreenletRef {
public:
    GreenletRef() noexcept = default;
    explicit GreenletRef(detail::GreenletPtr state) noexcept : state_{std::move(state)} {}
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(state_); }

    /// Waits until the greenlet has ended, however it ended. Throws std::logic_error if it is the caller.
    /// Blocks.
    void join() const;
    /// False if it still runs at the deadline. Blocks.
    [[nodiscard]] bool join(Deadline) const;

    /// Asks the greenlet to end: the wait it is in, or its next one, throws GreenletExit. One that has
    /// not started never will. Returns at once; join() to wait for it.
    void kill() const noexcept;
    /// The same with an exception of the caller's choice, thrown once, by the next wait.
    void kill(std::exception_ptr) const noexcept;

    [[nodiscard]] bool ready() const noexcept;                    ///< it has ended
    [[nodiscard]] bool successful() const noexcept;               ///< it ended by returning, or by kill()
    [[nodiscard]] bool killed() const noexcept;                   ///< it ended by kill()
    [[nodiscard]] std::exception_ptr exception() const noexcept;  ///< what ended it, or null

    /// Runs f in a greenlet of its own once this one has ended, at once if it already has. Not for a daemon
    /// that ends because the runtime does.
    LinkId link(UniqueFunction<void(GreenletRef)> f) const;
    /// False if f has begun to run or was never linked.
    bool unlink(LinkId) const noexcept;

    [[nodiscard]] std::uint64_t id() const noexcept;
    [[nodiscard]] std::string_view name() const noexcept;
    [[nodiscard]] SourceSite spawn_site() const noexcept;
    [[nodiscard]] std::stop_token stop_token() const;  ///< stopped by kill(); made on first use

    friend bool operator==(const GreenletRef&, const GreenletRef&) = default;

protected:
    friend struct detail::GreenletAccess;
    detail::GreenletPtr state_;  // intrusive count, not atomic: the Gil guards it
};

/// A greenlet and its result.
template <class T = void>
class Greenlet : public GreenletRef {
public:
    Greenlet() noexcept = default;
    explicit Greenlet(detail::GreenletPtr state) noexcept : GreenletRef{std::move(state)} {}

    /// Joins, then gives the result or rethrows what ended the greenlet; if it was killed, throws
    /// std::system_error(Errc::killed): an ordinary error for a caller whom nobody killed. Blocks.
    decltype(auto) get() const& { return ended_well().value.get(); }
    /// The same, moved out, for the last reader: `auto page = spawn(fetch, url).get();`. Blocks.
    T get() && { return ended_well().value.take(); }

private:
    detail::ResultState<T>& ended_well() const;
};

template <class F, class... Args>
using SpawnResult = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;

template <class F, class... Args>
concept Spawnable = std::invocable<std::decay_t<F>, std::decay_t<Args>...>;

/// Starts f(args...) as a new greenlet, which first runs when this one next blocks. The callable
/// and its arguments are copied or moved in, as std::thread does. Reports name the line of the call; with
/// more than two arguments, that of the SpawnOptions.
/// Throws std::logic_error on a thread that neither runs a runtime nor holds a Gil, Errc::closed if the
/// runtime whose Gil it holds has ended.
template <class F>
requires Spawnable<F> Greenlet<SpawnResult<F>> spawn(F&& f, SourceSite site = SourceSite::current());
template <class F, class A>
requires Spawnable<F, A> Greenlet<SpawnResult<F, A>> spawn(F&& f,
                                                           A&& arg,
                                                           SourceSite site = SourceSite::current());
template <class F, class A, class B>
requires Spawnable<F, A, B> Greenlet<SpawnResult<F, A, B>> spawn(F&& f,
                                                                 A&& arg1,
                                                                 B&& arg2,
                                                                 SourceSite site = SourceSite::current());
template <class F, class... Args>
requires(sizeof...(Args) > 2 &&
         Spawnable<F, Args...>) Greenlet<SpawnResult<F, Args...>> spawn(F&& f, Args&&... args);

template <class F, class... Args>
requires Spawnable<F, Args...> Greenlet<SpawnResult<F, Args...>> spawn(const SpawnOptions&,
                                                                       F&& f,
                                                                       Args&&... args);

/// Starts it after the delay. Killed before that, it never runs.
template <class F, class... Args>
requires Spawnable<F, Args...> Greenlet<SpawnResult<F, Args...>> spawn_later(Clock::duration delay,
                                                                             F&& f,
                                                                             Args&&... args);

template <class R>
concept GreenletRange =
    std::ranges::input_range<R> && std::derived_from<std::ranges::range_value_t<R>, GreenletRef>;

void join_all(GreenletRange auto&& greenlets);                          ///< Blocks.
[[nodiscard]] bool join_all(GreenletRange auto&& greenlets, Deadline);  ///< Blocks.
/// Waits until one has failed (rethrows the earliest failure) or all have ended. Blocks.
void join_all_or_throw(GreenletRange auto&& greenlets);
void kill_all(GreenletRange auto&& greenlets) noexcept;

/// Waits until `count` of them have ended, or the deadline; gives those that have, in the order they ended.
/// Blocks.
[[nodiscard]] std::vector<GreenletRef> wait(GreenletRange auto&& greenlets, std::size_t count, Deadline = {});

/// The greenlet that runs now; empty outside of one.
[[nodiscard]] GreenletRef current() noexcept;

// ---------------------------------------------------------------------------------------------

namespace detail {

struct GreenletAccess {
    static GreenletState* state(const GreenletRef& ref) noexcept { return ref.state_.get(); }
};

/// Gives the new greenlet its identity and makes it ready.
void launch(GreenletState&, const SpawnOptions&);
void launch_later(GreenletState&, const SpawnOptions&, Clock::duration delay);
/// Waits for the end; throws unless it ended by returning.
void join_successful(GreenletState&);
/// Waits until `count` have ended, one failed (if asked to stop then), or the deadline.
void wait_for_ends(std::span<GreenletState* const>, std::size_t count, bool stop_at_failure, Deadline);
void sort_by_end(std::vector<GreenletRef>&) noexcept;
/// Rethrows the earliest failure among those that have ended.
void throw_first_failure(std::span<GreenletState* const>);

template <class F, class... Args>
[[nodiscard]] GreenletPtr make_greenlet(F&& f, Args&&... args) {
    using State = ClosureState<SpawnResult<F, Args...>, std::decay_t<F>, std::decay_t<Args>...>;
    return GreenletPtr{new State{std::forward<F>(f), std::forward<Args>(args)...}};
}

template <class F, class... Args>
Greenlet<SpawnResult<F, Args...>> spawn_with(const SpawnOptions& options, F&& f, Args&&... args) {
    auto state = make_greenlet(std::forward<F>(f), std::forward<Args>(args)...);
    launch(*state, options);
    return Greenlet<SpawnResult<F, Args...>>{std::move(state)};
}

[[nodiscard]] std::vector<GreenletState*> states_of(GreenletRange auto&& greenlets) {
    std::vector<GreenletState*> states;
    for (const GreenletRef& greenlet : greenlets) {
        if (greenlet) states.push_back(GreenletAccess::state(greenlet));
    }
    return states;
}

}  // namespace detail

template <class T>
detail::ResultState<T>& Greenlet<T>::ended_well() const {
    auto& state = static_cast<detail::ResultState<T>&>(*state_);
    detail::join_successful(state);
    return state;
}

template <class F>
requires Spawnable<F> Greenlet<SpawnResult<F>> spawn(F&& f, SourceSite site) {
    return detail::spawn_with({.site = site}, std::forward<F>(f));
}

template <class F, class A>
requires Spawnable<F, A> Greenlet<SpawnResult<F, A>> spawn(F&& f, A&& arg, SourceSite site) {
    return detail::spawn_with({.site = site}, std::forward<F>(f), std::forward<A>(arg));
}

template <class F, class A, class B>
requires Spawnable<F, A, B> Greenlet<SpawnResult<F, A, B>> spawn(F&& f, A&& arg1, B&& arg2, SourceSite site) {
    return detail::spawn_with(
        {.site = site}, std::forward<F>(f), std::forward<A>(arg1), std::forward<B>(arg2));
}

template <class F, class... Args>
requires(sizeof...(Args) > 2 &&
         Spawnable<F, Args...>) Greenlet<SpawnResult<F, Args...>> spawn(F&& f, Args&&... args) {
    return detail::spawn_with({.site = {}}, std::forward<F>(f), std::forward<Args>(args)...);
}

template <class F, class... Args>
requires Spawnable<F, Args...> Greenlet<SpawnResult<F, Args...>> spawn(const SpawnOptions& options,
                                                                       F&& f,
                                                                       Args&&... args) {
    return detail::spawn_with(options, std::forward<F>(f), std::forward<Args>(args)...);
}

template <class F, class... Args>
requires Spawnable<F, Args...> Greenlet<SpawnResult<F, Args...>> spawn_later(Clock::duration delay,
                                                                             F&& f,
                                                                             Args&&... args) {
    auto state = detail::make_greenlet(std::forward<F>(f), std::forward<Args>(args)...);
    detail::launch_later(*state, {.site = {}}, delay);
    return Greenlet<SpawnResult<F, Args...>>{std::move(state)};
}

void join_all(GreenletRange auto&& greenlets) {
    for (const GreenletRef& greenlet : greenlets) {
        if (greenlet) greenlet.join();
    }
}

bool join_all(GreenletRange auto&& greenlets, Deadline by) {
    for (const GreenletRef& greenlet : greenlets) {
        if (greenlet && !greenlet.join(by)) return false;
    }
    return true;
}

void join_all_or_throw(GreenletRange auto&& greenlets) {
    const auto states = detail::states_of(greenlets);
    detail::wait_for_ends(states, states.size(), true, {});
    detail::throw_first_failure(states);
}

void kill_all(GreenletRange auto&& greenlets) noexcept {
    for (const GreenletRef& greenlet : greenlets) greenlet.kill();
}

std::vector<GreenletRef> wait(GreenletRange auto&& greenlets, std::size_t count, Deadline by) {
    // The handles keep the greenlets while we wait, whatever becomes of the caller's range.
    std::vector<GreenletRef> ended;
    for (const GreenletRef& greenlet : greenlets) {
        if (greenlet) ended.push_back(greenlet);
    }
    detail::wait_for_ends(detail::states_of(ended), count, false, by);
    std::erase_if(ended, [](const GreenletRef& greenlet) { return !greenlet.ready(); });
    detail::sort_by_end(ended);
    return ended;
}

}  // namespace grove
