#include "net/worker_process.hpp"

#include "io/process_state.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace grove::detail {

namespace {

std::array<int, 2> make_ready_pipe() {
    std::array<int, 2> fds{};
    int result = os().pipe(fds.data());
    if (result == 0) result = os().set_non_blocking(fds[0], true);
    if (result < 0) throw std::system_error{-result, std::generic_category(), "run_workers: pipe"};
    return fds;
}

}  // namespace

WorkerProcess::ReadyPipe::ReadyPipe() : ReadyPipe{make_ready_pipe()} {}

WorkerProcess::WorkerProcess(
    std::size_t place, unsigned generation, Clock::time_point limit, Process process, UniqueFd ready)
    : place_{place},
      generation_{generation},
      limit_{limit},
      process_{std::move(process)},
      ready_{std::move(ready)} {}

int WorkerProcess::end_fd() noexcept {
    return ProcessAccess::state(process_).end->fd();
}

bool WorkerProcess::heed_ready() noexcept {
    char byte = 0;
    const ssize_t n = ready_.get() < 0 ? -EAGAIN : os().read(ready_.get(), &byte, 1);
    if (n < 0) return false;
    ready_.reset();
    if (n == 0 || phase_ != Phase::starting) return false;
    phase_ = Phase::ready;
    limit_ = Clock::time_point::max();
    ready_since_ = Clock::now();
    return true;
}

void WorkerProcess::ask_to_stop(Clock::time_point limit) {
    phase_ = Phase::stopping;
    limit_ = limit;
    process_.kill(SIGTERM);
}

void WorkerProcess::kill() {
    limit_ = Clock::time_point::max();
    process_.kill(SIGKILL);
}

}  // namespace grove::detail
