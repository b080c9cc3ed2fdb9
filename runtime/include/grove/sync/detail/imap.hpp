#pragma once

#include <grove/base/error.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/timeout.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/sync/detail/map_call.hpp>
#include <grove/sync/semaphore.hpp>

#include <cstddef>
#include <exception>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <ranges>
#include <utility>

namespace grove {

namespace detail {

enum class ImapOrder { of_input, of_end };

/// What an imap and its greenlets share. A greenlet of its own, the feeder, takes the input and starts the
/// calls.
///
/// Invariants:
/// 1. An element is in running_ or ready_ from its start until the caller takes it; ready_ is in the order of
/// handing out.
/// 2. The elements in both, the one the feeder is about to start included, are at most as many as ahead_
/// permits.
template <class Output>
class ImapState {
public:
    ImapState(ImapOrder order, std::size_t ahead) noexcept : order_{order}, ahead_{ahead} {}
    virtual ~ImapState() = default;
    ImapState(const ImapState&) = delete;
    ImapState& operator=(const ImapState&) = delete;

    /// The greenlet of the next element, which has ended; an empty handle when all is over. Blocks.
    Greenlet<Output> next();
    /// Kills what still runs, and waits for it: it refers to this object. Blocks, shielded.
    void end() noexcept;

protected:
    void begin_to_feed();
    void wait_for_room() { ahead_.acquire(); }
    template <class Start>
    void add_element(Start start);

private:
    struct Element : EndWatch {
        explicit Element(ImapState& s) noexcept : EndWatch{&ImapState::element_ended}, state{s} {}
        ImapState& state;
        Greenlet<Output> greenlet;
        typename std::list<Element>::iterator self{};
    };

    virtual void feed() = 0;
    void feed_to_the_end();
    void end_of_input(std::exception_ptr error) noexcept;
    static void element_ended(EndWatch&, GreenletState&) noexcept;

    ImapOrder order_;
    Semaphore ahead_;
    std::list<Element>
        running_;  // in order of the input; if that order is asked for, also who ended out of turn
    std::list<Element> ready_;
    bool fed_ = false;
    std::exception_ptr input_error_;
    WaitList readers_;
    Greenlet<> feeder_;
};

struct EndImap {
    template <class Output>
    void operator()(ImapState<Output>* state) const noexcept {
        state->end();
        delete state;
    }
};

/// The half that knows the types of input and function.
template <class Group, class R, class F>
class ImapFeeder final : public ImapState<MapOutput<F, std::ranges::range_value_t<R>>> {
    using Input = std::ranges::range_value_t<R>;
    using State = ImapState<MapOutput<F, Input>>;

public:
    ImapFeeder(Group& group, R&& inputs, F f, ImapOrder order)
        : State{order, 2 * group.places() + 1},
          group_{group},
          inputs_(std::forward<R>(inputs)),
          f_{std::move(f)} {
        this->begin_to_feed();
    }

private:
    void feed() override;

    Group& group_;
    R inputs_;  // a reference, unless the caller gave a temporary
    F f_;
};

}  // namespace detail

/// The results of an imap: a range to iterate once. An exception comes where its element is: from next(), or
/// from
/// `*it`; the range goes on behind it. Dropping it kills the calls that are left, and waits for them
/// (shielded).
template <class Output>
class ImapRange {
public:
    explicit ImapRange(std::unique_ptr<detail::ImapState<Output>, detail::EndImap> state) noexcept
        : state_{std::move(state)} {}

    /// The next result, nullopt after the last one. Throws what the call, or then the input, threw;
    /// Errc::killed if the call was killed. Blocks.
    [[nodiscard]] std::optional<Output> next();

    class Iterator;
    [[nodiscard]] Iterator begin() {
        return Iterator{*state_};
    }  ///< goes on where next() and others stopped. Blocks.
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

private:
    std::unique_ptr<detail::ImapState<Output>, detail::EndImap> state_;
};

template <class Output>
class ImapRange<Output>::Iterator {
public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = Output;
    using difference_type = std::ptrdiff_t;

    [[nodiscard]] Output& operator*() const {
        if (!result_) result_.emplace(std::move(greenlet_).get());
        return *result_;
    }
    Iterator& operator++() {
        result_.reset();
        greenlet_ = state_->next();
        return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) noexcept { return !it.greenlet_; }

private:
    friend class ImapRange;
    explicit Iterator(detail::ImapState<Output>& state) : state_{&state} { ++*this; }

    detail::ImapState<Output>* state_;
    mutable Greenlet<Output> greenlet_;
    mutable std::optional<Output> result_;  // once asked for
};

// ---------------------------------------------------------------------------------------------

template <class Output>
std::optional<Output> ImapRange<Output>::next() {
    std::optional<Output> result;
    if (Greenlet<Output> ended = state_->next()) result.emplace(std::move(ended).get());
    return result;
}

namespace detail {

template <class Output>
Greenlet<Output> ImapState<Output>::next() {
    while (ready_.empty()) {
        if (fed_ && running_.empty()) {
            if (input_error_) std::rethrow_exception(std::exchange(input_error_, nullptr));
            return {};
        }
        (void)wait(readers_, {}, "imap");
    }
    Greenlet<Output> ended = std::move(ready_.front().greenlet);
    ready_.pop_front();
    ahead_.release();
    return ended;
}

template <class Output>
void ImapState<Output>::end() noexcept {
    const Shield shield;
    if (feeder_) {
        feeder_.kill();
        feeder_.join();
    }
    for (Element& element : running_) remove_end_watch(element);
    for (Element& element : running_) element.greenlet.kill();
    for (Element& element : running_) element.greenlet.join();
}

template <class Output>
void ImapState<Output>::begin_to_feed() {
    feeder_ = spawn({.name = "imap", .site = {}}, [this] { feed_to_the_end(); });
}

template <class Output>
void ImapState<Output>::feed_to_the_end() {
    try {
        feed();
    } catch (const Unwind&) {
        end_of_input(std::current_exception());
        throw;
    } catch (...) {
        return end_of_input(std::current_exception());
    }
    end_of_input(nullptr);
}

/// The error is thrown by next(), after the elements there are.
template <class Output>
void ImapState<Output>::end_of_input(std::exception_ptr error) noexcept {
    input_error_ = std::move(error);
    fed_ = true;
    readers_.notify_all();
}

template <class Output>
template <class Start>
void ImapState<Output>::add_element(Start start) {
    std::list<Element> one;
    Element& element = one.emplace_back(*this);
    element.self = one.begin();
    element.greenlet = start();
    running_.splice(running_.end(), one);
    add_end_watch(*GreenletAccess::state(element.greenlet), element);
}

template <class Output>
void ImapState<Output>::element_ended(EndWatch& watch, GreenletState&) noexcept {
    auto& element = static_cast<Element&>(watch);
    ImapState& state = element.state;
    if (state.order_ == ImapOrder::of_end) {
        state.ready_.splice(state.ready_.end(), state.running_, element.self);
    } else {
        while (!state.running_.empty() && state.running_.front().greenlet.ready()) {
            state.ready_.splice(state.ready_.end(), state.running_, state.running_.begin());
        }
    }
    state.readers_.notify_all();
}

template <class Group, class R, class F>
void ImapFeeder<Group, R, F>::feed() {
    this->wait_for_room();  // before the input is touched
    auto it = std::ranges::begin(inputs_);
    const auto end = std::ranges::end(inputs_);
    while (it != end) {
        MapCall<F, Input> call{f_, Input(*it)};
        this->add_element([&] { return group_.spawn(std::move(call)); });
        this->wait_for_room();
        ++it;
    }
}

}  // namespace detail
}  // namespace grove
