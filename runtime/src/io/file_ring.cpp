#include "io/file_ring.hpp"

#include <grove/core/gil.hpp>

#include <sys/eventfd.h>

#include <cerrno>
#include <chrono>
#include <initializer_list>
#include <mutex>
#include <unistd.h>
#include <utility>

namespace grove::detail {

namespace {

using namespace std::chrono_literals;

// The kernel is short of memory for a moment.
constexpr auto before_next_try = 1ms;

std::error_code to_error(int result) noexcept {
    return result < 0 ? std::error_code{-result, std::generic_category()} : std::error_code{};
}

bool knows_our_calls(io_uring& ring) noexcept {
    io_uring_probe* const probe = io_uring_get_probe_ring(&ring);
    if (!probe) return false;
    bool all = true;
    for (const int code : {IORING_OP_READV,
                           IORING_OP_WRITEV,
                           IORING_OP_FSYNC,
                           IORING_OP_OPENAT,
                           IORING_OP_CLOSE,
                           IORING_OP_STATX,
                           IORING_OP_RENAMEAT,
                           IORING_OP_UNLINKAT,
                           IORING_OP_MKDIRAT,
                           IORING_OP_ASYNC_CANCEL}) {
        all = all && io_uring_opcode_supported(probe, code) != 0;
    }
    io_uring_free_probe(probe);
    return all;
}

}  // namespace

// --- the ring's own life --------------------------------------------------------------------------

FileRing::FileRing() noexcept : scheduler_{*Scheduler::here()} {}

std::unique_ptr<FileRing> FileRing::make(std::error_code& ec) {
    std::unique_ptr<FileRing> ring{new FileRing};
    ec = ring->set_up();
    return ec ? nullptr : std::move(ring);
}

FileRing::~FileRing() {
    scheduler_.timers().cancel(retry_);
    if (watched_) {
        const std::scoped_lock held{scheduler_.gil()};
        scheduler_.loop().forget(event_fd_);
    }
    if (is_open_) io_uring_queue_exit(&ring_);
    if (event_fd_ >= 0) ::close(event_fd_);
}

std::error_code FileRing::set_up() noexcept {
    if (const std::error_code ec = open_ring()) return ec;
    is_open_ = true;
    if (!knows_our_calls(ring_)) return std::make_error_code(std::errc::function_not_supported);
    event_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (event_fd_ < 0) return to_error(-errno);
    if (const auto ec = to_error(io_uring_register_eventfd(&ring_, event_fd_))) return ec;
    const std::error_code ec = scheduler_.loop().watch(event_fd_, *this);
    watched_ = !ec;
    return ec;
}

std::error_code FileRing::open_ring() noexcept {
    // Linux 6.1: results wait until this thread asks for them, instead of interrupting it.
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    int result = io_uring_queue_init_params(places, &ring_, &params);
    if (result == -EINVAL) result = io_uring_queue_init(places, &ring_, 0);
    return to_error(result);
}

// --- a call ---------------------------------------------------------------------------------------

class FileRing::Operation final : public FileOperation {
public:
    Operation(FileRing& ring, FileCall& call) noexcept : FileOperation{ring.scheduler_, call}, ring_{ring} {}

    /// False: the ring takes nothing for now.
    [[nodiscard]] bool begin() noexcept {
        io_uring_sqe* const entry = ring_.next_entry();
        if (!entry) return false;
        call_.prepare(entry);
        io_uring_sqe_set_data(entry, static_cast<FileOperation*>(this));
        ring_.submit_soon();
        return true;
    }

private:
    void cancel() noexcept override {
        io_uring_sqe* const entry = ring_.next_entry();
        if (!entry) return;  // then it runs to its end
        io_uring_prep_cancel(entry, static_cast<FileOperation*>(this), 0);
        io_uring_sqe_set_data(entry, nullptr);
        ring_.submit_soon();
    }

    FileRing& ring_;
};

ssize_t FileRing::perform(FileCall& call, Deadline by) {
    if (!free_.acquire(by)) return -ETIMEDOUT;
    struct Place {
        ~Place() { ring.free_.release(); }
        FileRing& ring;
    };
    const Place place{*this};
    Operation operation{*this, call};
    if (!operation.begin()) return -EAGAIN;
    return operation.wait(by);
}

// --- what goes in -----------------------------------------------------------------------------------

io_uring_sqe* FileRing::next_entry() noexcept {
    if (io_uring_sqe* const entry = io_uring_get_sqe(&ring_)) return entry;
    submit();
    return io_uring_get_sqe(&ring_);
}

void FileRing::submit_soon() noexcept {
    if (std::exchange(posted_, true)) return;
    scheduler_.post(post_);
}

void FileRing::submit_posted(InboxNode& node) noexcept {
    FileRing& self = static_cast<Post&>(node).ring;
    self.posted_ = false;
    self.submit();
}

void FileRing::submit_again(Timer& timer) noexcept {
    static_cast<Retry&>(timer).ring.submit();
}

void FileRing::submit() noexcept {
    (void)io_uring_submit_and_get_events(&ring_);
    reap();
    if (io_uring_sq_ready(&ring_) == 0 || retry_.armed()) return;
    // EAGAIN, EBUSY or a signal: what is left stays in the queue.
    scheduler_.timers().add(retry_, scheduler_.now() + before_next_try);
}

// --- what comes out ---------------------------------------------------------------------------------

void FileRing::on_ready(Readiness) noexcept {
    eventfd_t results = 0;
    (void)::eventfd_read(event_fd_, &results);
    scheduler_.loop().rearm(event_fd_, Readiness::readable);
    (void)io_uring_get_events(&ring_);
    reap();
}

void FileRing::reap() noexcept {
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* result = nullptr;
    io_uring_for_each_cqe(&ring_, head, result) {
        ++count;
        if (auto* const operation = static_cast<FileOperation*>(io_uring_cqe_get_data(result))) {
            operation->finish(result->res);
        }
    }
    io_uring_cq_advance(&ring_, count);
}

}  // namespace grove::detail
