#include "platform/timer_wheel.hpp"

#include <algorithm>
#include <utility>

namespace grove::detail {

// --- the heap of near timers -----------------------------------------------------------------
//
// A pairing heap: each timer is not before its parent; `child` is the first child, `next` the next sibling,
// `prev` the sibling before, or the parent of a first child, or itself for the root.

namespace {

[[nodiscard]] bool before(const Timer& a, const Timer& b) noexcept {
    return a.at != b.at ? a.at < b.at : a.order < b.order;
}

/// Makes the later of two roots the first child of the other, which it returns.
Timer* meld(Timer* a, Timer* b) noexcept {
    if (before(*b, *a)) std::swap(a, b);
    b->prev = a;
    b->next = a->child;
    if (b->next) b->next->prev = b;
    a->child = b;
    return a;
}

/// One root out of many: melds siblings by pairs, then the pairs from the last to the first. The order is
/// what keeps the heap flat (removal is O(log n), amortised).
Timer* meld_siblings(Timer* first) noexcept {
    Timer* pairs = nullptr;
    while (first) {
        Timer* a = first;
        Timer* b = a->next;
        first = b ? b->next : nullptr;
        if (b) a = meld(a, b);
        a->next = std::exchange(pairs, a);
    }
    Timer* root = nullptr;
    while (pairs) {
        Timer* pair = std::exchange(pairs, pairs->next);
        root = root ? meld(root, pair) : pair;
    }
    return root;
}

}  // namespace

void TimerWheel::push_near(Timer& timer) noexcept {
    timer.child = nullptr;
    near_ = near_ ? meld(near_, &timer) : &timer;
    near_->next = nullptr;
    near_->prev = near_;
}

void TimerWheel::remove_near(Timer& timer) noexcept {
    Timer* below = meld_siblings(timer.child);
    if (&timer == near_) {
        near_ = below;
    } else {
        (timer.prev->child == &timer ? timer.prev->child : timer.prev->next) = timer.next;
        if (timer.next) timer.next->prev = timer.prev;
        if (below) near_ = meld(near_, below);
    }
    if (!near_) return;
    near_->next = nullptr;
    near_->prev = near_;
}

// --- time goes on ----------------------------------------------------------------------------

void TimerWheel::fire_due(Clock::time_point now) noexcept {
    advance_to(tick_of(now));
    while (near_ && near_->at <= now) {
        Timer& timer = *near_;
        cancel(timer);
        timer.fire(timer);
    }
    if (next_seen() <= now) soonest_.store(next().time_since_epoch().count(), std::memory_order_relaxed);
}

// From occupied slot to occupied slot, so a long sleep costs no more than the timers that come due in it.
void TimerWheel::advance_to(Tick target) noexcept {
    while (tick_ < target) {
        const auto level =
            std::find_if(occupied_.begin(), occupied_.end(), [](auto bits) { return bits != 0; });
        if (level == occupied_.end()) break;
        const Place place{static_cast<int>(level - occupied_.begin()), std::countr_zero(*level)};
        const int shift = place.level * digit_bits;
        const Tick above = tick_ >> shift >> digit_bits << digit_bits;
        const Tick start = (above | static_cast<Tick>(place.slot)) << shift;
        if (start > target) break;
        tick_ = std::min(target, start + (Tick{1} << shift) - 1);
        empty_slot(place);
    }
    tick_ = std::max(tick_, target);
}

void TimerWheel::empty_slot(Place place) noexcept {
    occupied_[place.level] &= ~(std::uint64_t{1} << place.slot);
    Timer* timer = std::exchange(slots_[place.level][place.slot].first, nullptr);
    while (timer) link(*std::exchange(timer, timer->next));
}

Clock::time_point TimerWheel::next() const noexcept {
    if (near_) return near_->at;
    for (int level = 0; level < levels; ++level) {
        if (occupied_[level] != 0) return slots_[level][std::countr_zero(occupied_[level])].soonest;
    }
    return Clock::time_point::max();
}

}  // namespace grove::detail
