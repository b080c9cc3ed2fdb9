#pragma once

#include <grove/base/time.hpp>

#include "core/native_pool.hpp"
#include "core/scheduler.hpp"
#include "io/file_call.hpp"
#include "io/file_ring.hpp"

#include <memory>

namespace grove::detail {

/// The part of a runtime that works on files: the kernel's ring, or where that is refused, and for what it
/// cannot do, native threads. GROVE_FILES=io_uring or threads decides instead of the system.
class FileService {
public:
    /// So many calls may hang on slow disks before the others queue. A thread that waits costs little, and a
    /// disk wants to know of many reads at once.
    static constexpr unsigned threads = 16;

    /// **Throws** std::system_error if GROVE_FILES=io_uring, and the system refuses.
    FileService();

    /// Requires: a greenlet calls. Blocks.
    [[nodiscard]] ssize_t perform(FileCall&, Deadline);

private:
    class Errand;
    [[nodiscard]] ssize_t perform_on_thread(FileCall&, Deadline);

    Scheduler& scheduler_;
    std::unique_ptr<FileRing> ring_;    // null: refused
    std::unique_ptr<NativePool> pool_;  // made at the first need
};

/// Does the call where it does not hold up the greenlets: in a greenlet by the service, and the greenlet
/// waits; else on this thread, without its Gil. -ETIMEDOUT if the deadline came first; a plain thread
/// has no way to give up. Blocks.
[[nodiscard]] ssize_t perform(FileCall&, Deadline = {});

}  // namespace grove::detail
