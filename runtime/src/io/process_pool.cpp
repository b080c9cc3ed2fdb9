#include <grove/io/process_pool.hpp>
#include <grove/sync/semaphore.hpp>

#include "base/log.hpp"
#include "io/forked.hpp"
#include "io/job_worker.hpp"

#include <algorithm>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

namespace grove {

namespace detail {

/// The workers that are free. Each place has a worker or, since that was lost, none until somebody needs it.
class ProcessPoolState {
public:
    explicit ProcessPoolState(const ProcessPoolOptions& options)
        : size_{options.workers ? options.workers : std::max(1U, std::thread::hardware_concurrency())},
          max_message_{options.max_message},
          places_{size_} {
        free_.reserve(size_);
        while (free_.size() < size_) free_.emplace_back(max_message_);
    }

    ~ProcessPoolState() {
        for (JobWorker& worker : free_) worker.kill();  // all, before the first is waited for
    }
    ProcessPoolState(const ProcessPoolState&) = delete;
    ProcessPoolState& operator=(const ProcessPoolState&) = delete;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t max_message() const noexcept { return max_message_; }

private:
    friend class BorrowedWorker;

    const std::size_t size_;
    const std::size_t max_message_;
    Semaphore places_;
    std::vector<JobWorker> free_;  // no more than there are free places
};

/// A worker for one job. Unless that came to its end, the worker is lost: killed, if it lives.
class BorrowedWorker {
public:
    /// Blocks.
    explicit BorrowedWorker(ProcessPoolState& pool) : place_{pool}, worker_{take()} {}
    ~BorrowedWorker() {
        if (done_) place_.pool.free_.push_back(std::move(worker_));
    }
    BorrowedWorker(const BorrowedWorker&) = delete;
    BorrowedWorker& operator=(const BorrowedWorker&) = delete;

    JobWorker* operator->() noexcept { return &worker_; }
    void done() noexcept { done_ = true; }

private:
    struct Place {
        explicit Place(ProcessPoolState& p) : pool{p} { pool.places_.acquire(); }
        ~Place() { pool.places_.release(); }
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ProcessPoolState& pool;
    };

    JobWorker take() {
        auto& free = place_.pool.free_;
        while (!free.empty()) {
            JobWorker worker = std::move(free.back());
            free.pop_back();
            if (worker.lives()) return worker;
            log(Level::warning,
                "ProcessPool: an idle worker " + how_it_ended(worker.end()) + ", pid " +
                    std::to_string(worker.pid()));
        }
        return JobWorker{place_.pool.max_message_};
    }

    const Place place_;
    JobWorker worker_;
    bool done_ = false;
};

ByteWriter begin_message() {
    ByteWriter message;
    Serialize<std::uint64_t>::write(message, 0);
    return message;
}

namespace {

[[noreturn]] void throw_too_long(const char* what) {
    throw std::system_error{std::make_error_code(std::errc::message_size), what};
}

[[noreturn]] void throw_remote(ByteReader& in) {
    auto type = Serialize<std::string>::read(in);
    throw RemoteError{std::move(type), Serialize<std::string>::read(in)};
}

}  // namespace

JobResult exchange(ProcessPoolState& pool, ByteWriter& message) {
    if (message.bytes().size() > pool.max_message()) throw_too_long("ProcessPool: the arguments of a job");
    BorrowedWorker worker{pool};
    std::error_code ec;
    worker->channel().send(message.bytes(), ec);
    MessageBytes answer;
    if (!ec) answer = worker->channel().receive(pool.max_message(), ec);
    if (ec == std::errc::message_size) throw_too_long("ProcessPool: the result of a job");
    if (ec) throw WorkerDied{worker->pid(), worker->end()};
    worker.done();
    ByteReader in{answer.span()};
    if (Serialize<JobOutcome>::read(in) == JobOutcome::thrown) throw_remote(in);
    const auto value = in.take(in.left());
    return {std::move(answer.data), value};
}

}  // namespace detail

WorkerDied::WorkerDied(int pid, int status)
    : std::runtime_error{"ProcessPool: the worker of a job " + detail::how_it_ended(status) + ", pid " +
                         std::to_string(pid)},
      status_{status} {}

ProcessPool::ProcessPool(const ProcessPoolOptions& options)
    : state_{std::make_unique<detail::ProcessPoolState>(options)}, callers_{state_->size()} {}

ProcessPool::~ProcessPool() = default;

std::size_t ProcessPool::workers() const noexcept {
    return state_->size();
}

}  // namespace grove
