#pragma once

#include <grove/base/time.hpp>
#include <grove/core/wait_list.hpp>

#include "core/scheduler.hpp"
#include "io/file_call.hpp"

namespace grove::detail {

/// A FileCall that is under way, and the greenlet that waits for it. Lies on that greenlet's stack.
///
/// 1. Whoever works for it, the kernel or a pool thread, uses the greenlet's memory. So wait() does not leave
///    before the work has ended, neither by a deadline nor by a kill: it cancels, and waits for the end.
/// 2. finish() is called once, on the runtime's thread in the hub.
/// 3. A call that had its effect before it could be cancelled returns its result; only a kill hides it.
class FileOperation {
public:
    FileOperation(Scheduler& scheduler, FileCall& call) noexcept : scheduler_{scheduler}, call_{call} {}
    FileOperation(const FileOperation&) = delete;
    FileOperation& operator=(const FileOperation&) = delete;

    void finish(ssize_t result) noexcept;
    /// -ETIMEDOUT if the deadline came first. Requires: it is under way. Blocks.
    [[nodiscard]] ssize_t wait(Deadline);

protected:
    ~FileOperation() = default;

    Scheduler& scheduler_;
    FileCall& call_;

private:
    class Cancelled;

    /// Asks for an early end. finish() is called all the same.
    virtual void cancel() noexcept = 0;
    void wait_to_end() noexcept;

    bool done_ = false;
    bool gave_up_ = false;  // and asked for an early end
    ssize_t result_ = 0;
    WaitList waiter_;                      // a kill or a deadline may end this wait,
    GreenletState* undeterred_ = nullptr;  // and nothing this one
};

}  // namespace grove::detail
