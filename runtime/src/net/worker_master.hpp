#pragma once

#include <grove/net/workers.hpp>

#include "net/master_signals.hpp"
#include "net/worker_listeners.hpp"
#include "net/worker_process.hpp"

#include <chrono>
#include <list>
#include <string>
#include <vector>

namespace grove::detail {

/// The master of run_workers(): one thread that sleeps in poll(2) until a signal comes, a worker says that it
/// is ready or ends, or it is time to start or to kill one. It has no runtime, so a fork copies none.
///
/// A place is what count counts: a worker is forked for it, and another when that ends. Invariants:
/// 1. A place that has no process of the present generation has a time at which one is started, unless all
/// are
///    to stop.
/// 2. A process is asked to stop once: when a younger one of its place is ready, when a reload overtakes it
///    before it is and an older one serves, or when all are to stop. From then on it has a limit.
class WorkerMaster {
public:
    WorkerMaster(net::WorkersOptions, UniqueFunction<void(net::Worker&)>);
    ~WorkerMaster();  ///< kills who is left, if run() throws
    WorkerMaster(const WorkerMaster&) = delete;
    WorkerMaster& operator=(const WorkerMaster&) = delete;

    void run();

private:
    struct Place {
        Clock::time_point start_at;  // max: it has its process
        std::chrono::milliseconds pause;
    };

    void start_due();
    void start(std::size_t place);
    [[nodiscard]] int be_worker(std::size_t place, UniqueFd ready);

    [[nodiscard]] Clock::time_point next_moment() const noexcept;
    void sleep_until(Clock::time_point);
    void heed_signals();
    void heed_processes();
    void kill_overdue();

    void reload();
    void stop_all();
    void stop_younger_starts(std::size_t place);
    void stop_predecessors(const WorkerProcess&);
    void ask_to_stop(WorkerProcess&);
    void note_end(const WorkerProcess&, int status);
    void start_later(std::size_t place);
    [[nodiscard]] bool has_present(std::size_t place) const noexcept;
    [[nodiscard]] std::string title(std::size_t place) const;

    const net::WorkersOptions options_;
    UniqueFunction<void(net::Worker&)> function_;
    WorkerListeners listeners_;
    MasterSignals signals_;
    std::vector<Place> places_;
    std::list<WorkerProcess> processes_;  // the oldest first
    unsigned generation_ = 1;
    bool stopping_ = false;
};

}  // namespace grove::detail
