#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

namespace grove::detail {

struct RuntimeControl;
class Os;

/// Work for a native thread. Intrusive: the pool allocates nothing per job.
struct PoolJob {
    using Run = void (*)(PoolJob&) noexcept;

    explicit PoolJob(Run f) noexcept : run{f} {}
    PoolJob(const PoolJob&) = delete;
    PoolJob& operator=(const PoolJob&) = delete;

    Run run;  ///< on a pool thread, without the Gil. May destroy the job.
    PoolJob* next = nullptr;
};

/// Native threads that work off jobs, first in first out. They start when needed, up to the limit, belong
/// to one runtime (this_runtime() works in a job), and end with the pool.
class NativePool {
public:
    /// name: at most 15 characters, shown by ps and gdb. Requires: the pool is made on the runtime's thread.
    NativePool(unsigned max_threads, const char* name);
    ~NativePool();  ///< Waits for the jobs that were submitted. Requires: the Gil is free to be taken
                    ///< meanwhile.
    NativePool(const NativePool&) = delete;
    NativePool& operator=(const NativePool&) = delete;

    /// Throws std::system_error if not even the first thread could be started. Any thread.
    void submit(PoolJob&);
    [[nodiscard]] unsigned max_threads() const noexcept { return max_threads_; }

private:
    void work() noexcept;

    const unsigned max_threads_;
    const char* const name_;
    RuntimeControl* const control_;
    Os& os_;

    std::mutex mutex_;  // guards what follows
    std::condition_variable work_came_;
    std::vector<std::thread> threads_;
    PoolJob* first_ = nullptr;
    PoolJob** end_ = &first_;
    std::size_t idle_ = 0;
    std::size_t queued_ = 0;
    bool ending_ = false;
};

}  // namespace grove::detail
