#pragma once

#include <grove/base/time.hpp>

#include <cstdint>

namespace grove::detail {

/// Something that happens at a time. Lives in its owner (usually on a waiting greenlet's stack) and is
/// linked into the runtime's timer wheel while armed; the wheel allocates nothing.
struct Timer {
    using Fire = void (*)(Timer&) noexcept;

    explicit Timer(Fire f) noexcept : fire{f} {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    [[nodiscard]] bool armed() const noexcept { return prev != nullptr; }

    Fire fire;
    Clock::time_point at{};
    Timer* next = nullptr;
    Timer* prev = nullptr;
    Timer* child = nullptr;   ///< of the wheel's heap of near timers alone
    std::uint64_t order = 0;  ///< of arming: breaks ties, so equal times fire first come first served
};

}  // namespace grove::detail
