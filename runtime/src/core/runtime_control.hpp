#pragma once

#include <grove/core/gil.hpp>

#include <atomic>
#include <memory>
#include <mutex>

namespace grove::detail {

class Scheduler;

/// The part of a runtime that its RuntimeRefs share with it, and that outlives it.
struct RuntimeControl : std::enable_shared_from_this<RuntimeControl> {
    explicit RuntimeControl(std::chrono::microseconds switch_interval) : gil{switch_interval} {}

    Gil gil;
    std::atomic<std::size_t> refs{0};  ///< RuntimeRefs alive
    std::mutex mutex;                  ///< guards what follows; never taken with the Gil wanted
    Scheduler* scheduler = nullptr;    ///< null once the runtime has ended
    bool accepts_posts = true;         ///< false when it begins to end: those that came still run
};

/// The runtime this thread works for, its pool's or its servers'; or null.
extern constinit thread_local RuntimeControl* served_runtime;

}  // namespace grove::detail
