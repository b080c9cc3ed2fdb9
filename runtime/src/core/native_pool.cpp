#include "core/native_pool.hpp"

#include "core/runtime_control.hpp"
#include "core/scheduler.hpp"

#include <pthread.h>

namespace grove::detail {

constinit thread_local RuntimeControl* served_runtime = nullptr;

NativePool::NativePool(unsigned max_threads, const char* name)
    : max_threads_{max_threads}, name_{name}, control_{Scheduler::here()->control().get()}, os_{os()} {}

NativePool::~NativePool() {
    {
        const std::scoped_lock lock{mutex_};
        ending_ = true;
    }
    work_came_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void NativePool::submit(PoolJob& job) {
    const std::scoped_lock lock{mutex_};
    if (queued_ >= idle_ && threads_.size() < max_threads_) {
        try {
            threads_.emplace_back([this] { work(); });
        } catch (const std::system_error&) {
            if (threads_.empty()) throw;  // else those there are will do
        }
    }
    job.next = nullptr;
    *end_ = &job;
    end_ = &job.next;
    ++queued_;
    work_came_.notify_one();
}

void NativePool::work() noexcept {
    pthread_setname_np(pthread_self(), name_);
    served_runtime = control_;
    set_os(os_);
    std::unique_lock lock{mutex_};
    for (;;) {
        ++idle_;
        work_came_.wait(lock, [this] { return first_ || ending_; });
        --idle_;
        if (!first_) return;
        PoolJob& job = *first_;
        first_ = job.next;
        if (!first_) end_ = &first_;
        --queued_;
        lock.unlock();
        job.run(job);
        lock.lock();
    }
}

}  // namespace grove::detail
