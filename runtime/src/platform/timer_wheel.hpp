#pragma once

#include <grove/base/assert.hpp>
#include <grove/base/time.hpp>
#include <grove/base/timer.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace grove::detail {

/// The armed timers, as a hierarchical wheel: arming and cancelling take a few nanoseconds however many there
/// are (bench timer_wheel_add_cancel), and only a timer that comes near is ever sorted.
///
/// Time is cut into ticks of 2^20 ns, and a tick's number into base-64 digits, one per level. A timer waits
///  - in the heap `near_` if its tick is not after `tick_`, the wheel's own;
///  - else at the level of the highest digit in which its tick differs from tick_, in that digit's slot.
///
/// Invariants:
///  1. Where a timer waits follows from its time and tick_ alone, so cancel() need not remember it: tick_
///     never enters an occupied slot without emptying it, so the highest differing digit stays the same.
///  2. All timers of a level come before all of the next, and within a level slots are in order of time.
///  3. occupied_ has a bit for each slot that is not empty; `soonest` is not later than any timer in it.
///
/// The deadlines are exact: the heap is ordered by (at, order), whatever the tick. One thread at a time, but
/// for next_seen().
class TimerWheel {
public:
    explicit TimerWheel(Clock::time_point start) noexcept : tick_{tick_of(start)} {}
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;

    /// Requires: not armed. A time that has passed is due at once.
    void add(Timer&, Clock::time_point at) noexcept;
    /// Does nothing if it is not armed.
    void cancel(Timer&) noexcept;

    /// Fires what is due (at <= now), in order of (at, order of arming). A timer is no longer armed when its
    /// callback runs; that may arm and cancel any timer and destroy its own. One armed meanwhile that is
    /// already due fires in the same call.
    void fire_due(Clock::time_point now) noexcept;

    /// Never later than the earliest timer; max() if there is none. Exact, but that a cancelled timer may
    /// count until its time has come. fire_due() at this time or later fires something or moves it on.
    [[nodiscard]] Clock::time_point next() const noexcept;
    /// The same for other threads, as it was a moment ago: an estimate. Any thread.
    [[nodiscard]] Clock::time_point next_seen() const noexcept {
        return Clock::time_point{Clock::duration{soonest_.load(std::memory_order_relaxed)}};
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    using Tick = std::uint64_t;
    static constexpr int tick_bits = 20;  // about a millisecond: few sleeps are shorter, few share a tick
    static constexpr int digit_bits = 6;  // a level's slots are the bits of one word
    static constexpr int levels = 8;      // 20 + 8 * 6 bits hold every time there is: no horizon
    static constexpr Tick digit_mask = (Tick{1} << digit_bits) - 1;
    static_assert(Clock::period::den == std::nano::den);

    struct Slot {
        Timer* first = nullptr;
        Clock::time_point soonest{};
    };
    struct Place {
        int level;
        int slot;
    };

    [[nodiscard]] static Tick tick_of(Clock::time_point) noexcept;
    [[nodiscard]] Place place_of(Tick) const noexcept;
    void link(Timer&) noexcept;
    void unlink(Timer&, Tick) noexcept;
    void advance_to(Tick) noexcept;
    void empty_slot(Place) noexcept;

    void push_near(Timer&) noexcept;
    void remove_near(Timer&) noexcept;

    Tick tick_;
    Timer* near_ = nullptr;  // root of a pairing heap
    std::size_t size_ = 0;
    std::atomic<Clock::rep> soonest_{Clock::time_point::max().time_since_epoch().count()};
    std::uint64_t order_ = 0;
    std::array<std::uint64_t, levels> occupied_{};
    std::array<std::array<Slot, 1 << digit_bits>, levels> slots_{};
};

// ---------------------------------------------------------------------------------------------

inline void TimerWheel::add(Timer& timer, Clock::time_point at) noexcept {
    GROVE_ASSERT(!timer.armed(), "a timer is armed once at a time");
    timer.at = at;
    timer.order = order_++;
    ++size_;
    if (at < next_seen()) soonest_.store(at.time_since_epoch().count(), std::memory_order_relaxed);
    link(timer);
}

inline void TimerWheel::cancel(Timer& timer) noexcept {
    if (!timer.armed()) return;
    --size_;
    if (const Tick tick = tick_of(timer.at); tick > tick_) {
        unlink(timer, tick);
    } else {
        remove_near(timer);
    }
    timer.prev = nullptr;
}

inline TimerWheel::Tick TimerWheel::tick_of(Clock::time_point at) noexcept {
    const auto nanoseconds = at.time_since_epoch().count();
    return nanoseconds < 0 ? 0 : static_cast<Tick>(nanoseconds) >> tick_bits;
}

inline TimerWheel::Place TimerWheel::place_of(Tick tick) const noexcept {
    const int level = (static_cast<int>(std::bit_width(tick ^ tick_)) - 1) / digit_bits;
    return {level, static_cast<int>((tick >> (level * digit_bits)) & digit_mask)};
}

// A slot is a list without order, ended by null; the first one's prev is itself, so that no armed timer's is
// null.
inline void TimerWheel::link(Timer& timer) noexcept {
    const Tick tick = tick_of(timer.at);
    if (tick <= tick_) return push_near(timer);
    const auto [level, index] = place_of(tick);
    Slot& slot = slots_[level][index];
    occupied_[level] |= std::uint64_t{1} << index;
    if (!slot.first || timer.at < slot.soonest) slot.soonest = timer.at;
    if (slot.first) slot.first->prev = &timer;
    timer.next = slot.first;
    timer.prev = &timer;
    slot.first = &timer;
}

inline void TimerWheel::unlink(Timer& timer, Tick tick) noexcept {
    if (timer.next) timer.next->prev = timer.prev == &timer ? timer.next : timer.prev;
    if (timer.prev != &timer) {
        timer.prev->next = timer.next;
        return;
    }
    const auto [level, index] = place_of(tick);
    slots_[level][index].first = timer.next;
    if (!timer.next) occupied_[level] &= ~(std::uint64_t{1} << index);
}

}  // namespace grove::detail
