#pragma once

#include <grove/base/assert.hpp>
#include <grove/core/greenlet.hpp>

#include "platform/stack_overflow.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace grove::detail {

class Scheduler;

/// True while kill and time-outs have to wait: under a Shield, or while an exception is in flight.
[[nodiscard]] bool held_back(const GreenletState&) noexcept;

/// Throws what the greenlet, which is the running one, was signalled.
void throw_signal(GreenletState&);
/// The same, if that may strike now.
GROVE_COLD void throw_signal_unless_held_back(GreenletState&);
inline void throw_if_signalled(GreenletState& g) {
    if (g.signals != 0) throw_signal_unless_held_back(g);
}

/// A signal has come: ends the wait the greenlet is in, if that may be interrupted, and makes its next
/// checkpoint() attentive. Any greenlet, or a thread with the Gil.
void interrupt(GreenletState&) noexcept;

/// The earliest expired scope's Expired. Requires: one has expired.
[[noreturn]] void throw_expired(GreenletState&);

/// Calls the closure, keeps what comes of it, and tells everybody who waits for the end. On its own fiber.
void run_to_end(GreenletState&) noexcept;
/// Destroys its Locals: before its end, on its own stack.
void drop_locals(GreenletState&) noexcept;
/// The greenlet is over and has been left out of the live: joiners, watches, links, the handler of last
/// resort.
void announce_end(GreenletState&) noexcept;

/// "#3 fetch, spawned at crawler.cpp:42"
[[nodiscard]] std::string describe(const GreenletState&);
[[nodiscard]] std::string describe_greenlet(std::uint64_t id,
                                            bool is_main,
                                            std::string_view name,
                                            SourceSite);

/// For the message about its stack. Async-signal-safe.
[[nodiscard]] OverflowedStack describe_overflow(const GreenletState&) noexcept;

/// "0.120 s"
[[nodiscard]] std::string in_seconds(std::chrono::nanoseconds);

/// The text of WouldBlockForever.
[[nodiscard]] std::string report_of(Scheduler&);

}  // namespace grove::detail
