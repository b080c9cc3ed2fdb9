#pragma once

#include <grove/base/timer.hpp>
#include <grove/sync/semaphore.hpp>

#include "core/scheduler.hpp"
#include "io/file_operation.hpp"
#include "platform/event_loop.hpp"

#include <liburing.h>
#include <memory>
#include <system_error>

namespace grove::detail {

/// The kernel's ring: file calls go in, results come out, and no thread is held up meanwhile.
///
/// Greenlets only fill in what they want. The hub hands all of it over in one system call, when the greenlets
/// that are ready have run, so 64 who want to read cost one call. Results are announced by an eventfd that
/// the event loop watches.
///
/// 1. At most `places` calls are under way; the next greenlet waits in line. So the queue of entries is never
///    full of calls, and the twice as large queue of results never runs over.
/// 2. The runtime's thread alone touches the ring.
/// 3. user_data is the operation, or 0 for a cancellation, whose own result tells nothing.
class FileRing final : private FdWatch {
public:
    static constexpr unsigned places = 256;

    /// Null: the system refuses, or its kernel is older than Linux 5.15 and lacks a call; ec says why.
    [[nodiscard]] static std::unique_ptr<FileRing> make(std::error_code& ec);
    ~FileRing();
    FileRing(const FileRing&) = delete;
    FileRing& operator=(const FileRing&) = delete;

    /// Requires: the call suits the ring. Blocks.
    [[nodiscard]] ssize_t perform(FileCall&, Deadline);

private:
    class Operation;
    struct Submission;

    FileRing() noexcept;
    [[nodiscard]] std::error_code set_up() noexcept;
    [[nodiscard]] std::error_code open_ring() noexcept;

    [[nodiscard]] io_uring_sqe* next_entry() noexcept;
    void submit_soon() noexcept;
    void submit() noexcept;
    void reap() noexcept;
    void on_ready(Readiness) noexcept override;
    static void submit_posted(InboxNode&) noexcept;
    static void submit_again(Timer&) noexcept;

    Scheduler& scheduler_;
    io_uring ring_{};
    bool is_open_ = false;
    int event_fd_ = -1;
    bool watched_ = false;
    bool posted_ = false;  // the hub will submit
    Semaphore free_{places};

    struct Post : InboxNode {
        explicit Post(FileRing& r) noexcept : InboxNode{&submit_posted}, ring{r} {}
        FileRing& ring;
    } post_{*this};
    struct Retry : Timer {
        explicit Retry(FileRing& r) noexcept : Timer{&submit_again}, ring{r} {}
        FileRing& ring;
    } retry_{*this};
};

}  // namespace grove::detail
