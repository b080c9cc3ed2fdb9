#include "io/file_operation.hpp"

#include <cerrno>

namespace grove::detail {

/// At the end of its scope the operation has ended.
class FileOperation::Cancelled {
public:
    explicit Cancelled(FileOperation& operation) noexcept : operation_{operation} {}
    ~Cancelled() {
        if (operation_.done_) return;
        operation_.gave_up_ = true;
        operation_.cancel();
        operation_.wait_to_end();
    }
    Cancelled(const Cancelled&) = delete;
    Cancelled& operator=(const Cancelled&) = delete;

private:
    FileOperation& operation_;
};

ssize_t FileOperation::wait(Deadline by) {
    const OutsideWork outside{scheduler_};
    if (!call_.cancellable) {
        wait_to_end();
        return result_;
    }
    {
        const Cancelled afterwards{*this};
        (void)detail::wait(waiter_, by, call_.what);
    }
    const bool cancelled = gave_up_ && (result_ == -ECANCELED || result_ == -EINTR);
    return cancelled ? -ETIMEDOUT : result_;
}

void FileOperation::wait_to_end() noexcept {
    undeterred_ = running_greenlet;
    if (!done_) scheduler_.suspend_for(call_.what);
}

void FileOperation::finish(ssize_t result) noexcept {
    result_ = result;
    done_ = true;
    if (undeterred_) {
        scheduler_.make_ready(*undeterred_);
    } else {
        waiter_.notify_one();
    }
}

}  // namespace grove::detail
