// What a person reads when something is wrong: who the greenlets are and what they wait for.

#include "base/log.hpp"
#include "core/greenlet_extras.hpp"
#include "core/greenlet_internal.hpp"
#include "core/scheduler.hpp"

#include <array>
#include <cstdio>

namespace grove::detail {

namespace {

constexpr std::size_t greenlets_listed = 100;

std::string describe_wait(const Scheduler& scheduler, const GreenletState& g) {
    if (g.queued != GreenletState::Queued::no) return describe(g) + ": ready";
    return describe(g) + ": waits in " + g.waits_for + " since " +
           in_seconds(scheduler.now() - g.waits_since);
}

}  // namespace

std::string in_seconds(std::chrono::nanoseconds time) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3f s", std::chrono::duration<double>{time}.count());
    return text.data();
}

std::string describe_greenlet(std::uint64_t id, bool is_main, std::string_view name, SourceSite site) {
    std::string text = "#" + std::to_string(id);
    if (is_main) return text + " main";
    if (!name.empty()) text.append(" ").append(name);
    if (site.line != 0)
        text.append(", spawned at ").append(site.file).append(":" + std::to_string(site.line));
    return text;
}

std::string describe(const GreenletState& g) {
    return describe_greenlet(
        g.id, &g == &g.scheduler->main(), g.extras ? std::string_view{g.extras->name} : "", g.site);
}

std::string report_of(Scheduler& scheduler) {
    const std::size_t count = scheduler.live_count() + (scheduler.main().ended() ? 0 : 1);
    std::string text =
        "every greenlet waits, and nothing outside can wake one (" + std::to_string(count) + " of them):";
    if (!scheduler.main().ended()) text += "\n  " + describe_wait(scheduler, scheduler.main());
    std::size_t listed = 0;
    for (const GreenletState* g = scheduler.first_live(); g && listed < greenlets_listed;
         g = g->next_live, ++listed) {
        text += "\n  " + describe_wait(scheduler, *g);
    }
    if (listed < scheduler.live_count())
        text += "\n  and " + std::to_string(scheduler.live_count() - listed) + " more";
    return text;
}

OverflowedStack describe_overflow(const GreenletState& g) noexcept {
    return {.name = g.extras ? std::string_view{g.extras->name} : std::string_view{},
            .id = g.id,
            .stack_size = g.stack.size,
            .spawned_at = g.site};
}

void Scheduler::report_unhandled(GreenletState& g) noexcept {
    const GreenletRef ended{GreenletPtr{&g}};
    spawn({.name = "unhandled-exception handler", .site = g.site}, [this, ended, error = g.error] {
        if (!unhandled_) {
            return log(
                Level::error,
                "greenlet " + describe(*GreenletAccess::state(ended)) + " ended by: " + text_of(error));
        }
        try {
            unhandled_(ended, error);
        } catch (const Unwind&) {
            throw;
        } catch (...) {  // not by the handler, which would be asked again and again
            log(Level::error, "the unhandled-exception handler threw: " + text_of(std::current_exception()));
        }
    });
}

}  // namespace grove::detail
