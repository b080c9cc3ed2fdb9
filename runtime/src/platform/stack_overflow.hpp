#pragma once

#include <grove/base/source_site.hpp>

#include "platform/stack_pool.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace grove::detail {

/// What the message about an overflow tells.
struct OverflowedStack {
    std::string_view name{};  ///< of the greenlet; empty: it has none
    std::uint64_t id = 0;
    std::size_t stack_size = 0;
    SourceSite spawned_at{};
};

/// Writes that message to stderr, async-signal-safely. For the overflows that a canary finds, too.
void report_stack_overflow(const OverflowedStack&) noexcept;

/// While one lives, a fault on a guard page of its pool, on its thread, is reported before the process dies
/// of it. All other faults go to whoever handled them before.
///
/// The handlers of SIGSEGV and SIGBUS are the process's: the first guard installs them, the last one takes
/// them off. They run on an alternate signal stack of the thread, since the faulting one is full.
class StackOverflowGuard {
public:
    /// Says who runs now. Called by the signal handler, so async-signal-safe.
    using Describe = OverflowedStack (*)(void* context) noexcept;

    /// Requires: lives on one thread, the one that runs on the pool's stacks; last made, first destroyed.
    StackOverflowGuard(const StackPool&, Describe, void* context);
    StackOverflowGuard(const StackOverflowGuard&) = delete;
    StackOverflowGuard& operator=(const StackOverflowGuard&) = delete;
    ~StackOverflowGuard();

    /// Reports the fault if it is on a guard page of the pool.
    [[nodiscard]] bool report(const void* fault) const noexcept;
    [[nodiscard]] const StackOverflowGuard* outer() const noexcept { return outer_; }

private:
    const StackPool& pool_;
    Describe describe_;
    void* context_;
    const StackOverflowGuard* outer_;
    std::unique_ptr<std::byte[]> signal_stack_;  // null: the thread had one already
};

}  // namespace grove::detail
