#include <grove/core/local.hpp>

#include "core/greenlet_extras.hpp"
#include "core/scheduler.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>

namespace grove::detail {

std::uint64_t new_local_key() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
}

void* find_local(std::uint64_t key) {
    if (!running_greenlet) throw std::logic_error{"Local: only for greenlets; this is a plain thread"};
    if (!running_greenlet->extras) return nullptr;
    const auto& locals = running_greenlet->extras->locals;
    const auto found = std::ranges::find(locals, key, &LocalValue::key);
    return found == locals.end() ? nullptr : found->value.get();
}

void add_local(LocalValue value) {
    extras_of(*running_greenlet).locals.push_back(std::move(value));
}

void drop_locals(std::uint64_t key) noexcept {
    Scheduler* const scheduler = Scheduler::touchable();
    if (!scheduler) return;
    // A value's destructor may do anything, also end greenlets: out of the list first, destroyed after the
    // walk.
    std::vector<LocalValue> dropped;
    auto take_from = [&](GreenletState& g) {
        if (!g.extras) return;
        auto& locals = g.extras->locals;
        const auto found = std::ranges::find(locals, key, &LocalValue::key);
        if (found == locals.end()) return;
        dropped.push_back(std::move(*found));
        locals.erase(found);
    };
    take_from(scheduler->main());
    for (GreenletState* g = scheduler->first_live(); g; g = g->next_live) take_from(*g);
}

}  // namespace grove::detail
