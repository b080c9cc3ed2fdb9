#pragma once

#include <grove/base/time.hpp>

#include <cstddef>
#include <mutex>

namespace grove::detail {

/// Those that wait for one thing on any thread: greenlets of several runtimes, and plain threads. First come,
/// first served. Its owner's mutex guards it.
///
/// Who is told has the mutex again when wait() returns; until then it counts in told(), so that its owner can
/// keep for it what it was told of. One that is killed, or gives up, after it was told just leaves: whatever
/// was kept for it is then the next one's, whom the owner has to tell.
class SharedWaitList {
public:
    SharedWaitList() noexcept = default;
    SharedWaitList(const SharedWaitList&) = delete;
    SharedWaitList& operator=(const SharedWaitList&) = delete;

    /// Until told; false at the deadline. The mutex is free meanwhile, and held again at the end, also when a
    /// kill is thrown. what: a literal, for reports. Blocks.
    [[nodiscard]] bool wait(std::unique_lock<std::mutex>&, Deadline, const char* what);
    /// False if everybody has been told.
    bool tell_first() noexcept;
    [[nodiscard]] std::size_t told() const noexcept { return told_; }

private:
    struct Place;
    class GreenletPlace;
    class ThreadPlace;

    Place* first_ = nullptr;  // the untold
    Place* last_ = nullptr;
    std::size_t told_ = 0;
};

}  // namespace grove::detail
