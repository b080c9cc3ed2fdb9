#pragma once

#include <grove/base/source_site.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/sync/detail/roster.hpp>

#include <utility>

namespace grove::detail {

/// grove::spawn() and its overloads, as members of a class that keeps a Roster. Group must have
/// `Roster::Seat take_seat()`, which may block.
template <class Group>
class SpawnVerbs {
public:
    /// As grove::spawn(): copies or moves the callable and its arguments.
    template <class F>
    requires Spawnable<F> Greenlet<SpawnResult<F>> spawn(F&& f, SourceSite site = SourceSite::current()) {
        return start({.site = site}, std::forward<F>(f));
    }
    template <class F, class A>
    requires Spawnable<F, A> Greenlet<SpawnResult<F, A>> spawn(F&& f,
                                                               A&& arg,
                                                               SourceSite site = SourceSite::current()) {
        return start({.site = site}, std::forward<F>(f), std::forward<A>(arg));
    }
    template <class F, class A, class B>
    requires Spawnable<F, A, B> Greenlet<SpawnResult<F, A, B>> spawn(
        F&& f, A&& arg1, B&& arg2, SourceSite site = SourceSite::current()) {
        return start({.site = site}, std::forward<F>(f), std::forward<A>(arg1), std::forward<B>(arg2));
    }
    template <class F, class... Args>
    requires(sizeof...(Args) > 2 &&
             Spawnable<F, Args...>) Greenlet<SpawnResult<F, Args...>> spawn(F&& f, Args&&... args) {
        return start({.site = {}}, std::forward<F>(f), std::forward<Args>(args)...);
    }
    template <class F, class... Args>
    requires Spawnable<F, Args...> Greenlet<SpawnResult<F, Args...>> spawn(const SpawnOptions& options,
                                                                           F&& f,
                                                                           Args&&... args) {
        return start(options, std::forward<F>(f), std::forward<Args>(args)...);
    }

protected:
    SpawnVerbs() noexcept = default;
    ~SpawnVerbs() = default;

    [[nodiscard]] Group& self() noexcept { return static_cast<Group&>(*this); }

private:
    template <class F, class... Args>
    Greenlet<SpawnResult<F, Args...>> start(const SpawnOptions& options, F&& f, Args&&... args) {
        Roster::Seat seat = self().take_seat();
        auto greenlet = spawn_with(options, std::forward<F>(f), std::forward<Args>(args)...);
        seat.take(*GreenletAccess::state(greenlet));
        return greenlet;
    }
};

}  // namespace grove::detail
