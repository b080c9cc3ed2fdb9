#pragma once

#include <grove/base/source_site.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace grove {

/// How long something had to wait, so far.
struct DelayStats {
    std::uint64_t count = 0;
    std::chrono::nanoseconds total{};
    std::chrono::nanoseconds longest{};
};

/// What became of the greenlets that were spawned at one place. Main's is of line 0.
struct SpawnSiteStats {
    SourceSite site{};
    DelayStats ready{};              ///< from when one could run to when it did
    DelayStats offload{};            ///< from offload() to when a thread took the job
    std::chrono::nanoseconds ran{};  ///< in all
    std::chrono::nanoseconds longest_run{};
};

/// What a runtime has done so far. The Gil has its own: Gil::stats().
struct RuntimeStats {
    std::string_view poller{};  ///< what waits for descriptors: "epoll", or "asio" if GROVE_POLLER says so
    std::string_view files{};   ///< what works on files: "io_uring" or "threads"; empty: none was used yet
    std::size_t greenlets = 0;  ///< alive, without main
    std::uint64_t switches = 0;
    std::uint64_t turns = 0;     ///< of the hub
    std::uint64_t runaways = 0;  ///< see RunOptions::runaway_limit
    DelayStats offload{};        ///< from offload() to when a thread took the job
    /// Since profiling was last switched on: who ran longest comes first.
    std::vector<SpawnSiteStats> sites;
};

/// Of this_runtime(); throws std::logic_error if there is none. Requires: the Gil is held.
[[nodiscard]] RuntimeStats stats();

/// Counts per spawn site, from zero, until switched off. While it is on every switch goes through the hub and
/// reads the clock twice, about 160 ns each (bench profile/yield); while it is off it costs nothing. Throws
/// std::logic_error if there is no runtime. Requires: the Gil is held.
void set_profiling(bool);

}  // namespace grove
