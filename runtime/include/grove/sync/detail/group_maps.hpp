#pragma once

#include <grove/core/greenlet.hpp>
#include <grove/core/timeout.hpp>
#include <grove/sync/detail/imap.hpp>
#include <grove/sync/detail/map_call.hpp>
#include <grove/sync/detail/spawn_verbs.hpp>

#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

namespace grove::detail {

/// spawn() and the maps of Group and Pool. Group must have, besides what SpawnVerbs asks for, `size_t
/// places()`, how many members imap() reckons with, and `bool lends_place()`: the caller is a member of it,
/// and there is no other place.
template <class Group>
class GroupVerbs : public SpawnVerbs<Group> {
public:
    /// Results in the order of the input; of several exceptions the first in that order is rethrown, when all
    /// have ended. Blocks.
    template <std::ranges::input_range R, class F>
    auto map(R&& inputs, F f);

    /// The same, handed out one by one as the caller asks, in an ImapRange; the input is taken as places
    /// allow, in a greenlet of its own, and at most 2 x places + 1 elements ahead of the caller. Requires:
    /// the range goes before the group, and before inputs if that is not a temporary.
    template <std::ranges::input_range R, class F>
    [[nodiscard]] auto imap(R&& inputs, F f) {
        return make_imap(std::forward<R>(inputs), std::move(f), ImapOrder::of_input);
    }
    /// The same, in the order they are ready.
    template <std::ranges::input_range R, class F>
    [[nodiscard]] auto imap_unordered(R&& inputs, F f) {
        return make_imap(std::forward<R>(inputs), std::move(f), ImapOrder::of_end);
    }

protected:
    GroupVerbs() noexcept = default;
    ~GroupVerbs() = default;

private:
    template <class R, class F>
    auto make_imap(R&& inputs, F f, ImapOrder order);
    template <class Call>
    Greenlet<typename Call::Output> start_call(Call call);
};

// ---------------------------------------------------------------------------------------------

/// Greenlets that refer to a scope, and so must end with it.
template <class Output>
class BoundGreenlets {
public:
    BoundGreenlets() noexcept = default;
    ~BoundGreenlets() {
        const Shield shield;
        kill_all(all);
        for (const GreenletRef& greenlet : all) {
            if (greenlet) greenlet.join();  // the last one may not have come to be
        }
    }
    BoundGreenlets(const BoundGreenlets&) = delete;
    BoundGreenlets& operator=(const BoundGreenlets&) = delete;

    std::vector<Greenlet<Output>> all;
};

template <class Group>
template <std::ranges::input_range R, class F>
auto GroupVerbs<Group>::map(R&& inputs, F f) {
    using Input = std::ranges::range_value_t<R>;
    using Output = MapOutput<F, Input>;
    BoundGreenlets<Output> started;
    for (auto&& input : inputs) {
        auto& greenlet = started.all.emplace_back();
        greenlet = start_call(MapCall<F, Input>{f, Input(std::forward<decltype(input)>(input))});
    }
    join_all(started.all);
    if constexpr (std::is_void_v<Output>) {
        for (const auto& greenlet : started.all) greenlet.get();
    } else {
        std::vector<Output> results;
        results.reserve(started.all.size());
        for (auto& greenlet : started.all) results.push_back(std::move(greenlet).get());
        return results;
    }
}

template <class Group>
template <class Call>
Greenlet<typename Call::Output> GroupVerbs<Group>::start_call(Call call) {
    if (!this->self().lends_place()) return this->spawn(std::move(call));
    // The caller waits, so its place serves for what it asked for; to wait for another would be for ever.
    BoundGreenlets<typename Call::Output> alone;
    alone.all.push_back(grove::spawn(std::move(call)));
    alone.all.front().join();
    return alone.all.front();
}

template <class Group>
template <class R, class F>
auto GroupVerbs<Group>::make_imap(R&& inputs, F f, ImapOrder order) {
    using Input = std::ranges::range_value_t<R>;
    using Output = MapOutput<F, Input>;
    static_assert(!std::is_void_v<Output>, "imap hands out results: f must return one");
    using State = ImapFeeder<Group, R, F>;
    return ImapRange<Output>{std::unique_ptr<ImapState<Output>, EndImap>{
        new State{this->self(), std::forward<R>(inputs), std::move(f), order}}};
}

}  // namespace grove::detail
