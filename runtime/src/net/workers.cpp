#include <grove/net/workers.hpp>

#include "core/scheduler.hpp"
#include "net/worker_master.hpp"
#include "net/worker_state.hpp"

#include <stdexcept>
#include <thread>
#include <utility>

namespace grove::net {

std::size_t Worker::index() const noexcept {
    return state_.place;
}
unsigned Worker::generation() const noexcept {
    return state_.generation;
}
Listener& Worker::listener(std::size_t i) {
    return state_.listeners.at(i);
}
void Worker::ready() {
    state_.tell_ready();
}
void Worker::wait_for_stop() {
    state_.wait_for_stop();
}
Deadline Worker::grace() const noexcept {
    return state_.until();
}

void run_workers(const WorkersOptions& options, UniqueFunction<void(Worker&)> f) {
    if (detail::Scheduler::here()) throw std::logic_error{"run_workers: a runtime runs on this thread"};
    WorkersOptions settled = options;
    if (settled.count == 0) settled.count = std::max(1U, std::thread::hardware_concurrency());
    settled.run.stop_signals.clear();
    detail::WorkerMaster{std::move(settled), std::move(f)}.run();
}

}  // namespace grove::net
