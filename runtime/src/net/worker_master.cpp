#include "net/worker_master.hpp"

#include <grove/io/signal.hpp>

#include "base/log.hpp"
#include "io/forked.hpp"
#include "net/worker_state.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <poll.h>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace grove::detail {

using namespace std::chrono_literals;

namespace {

constexpr auto never = Clock::time_point::max();
// Beyond the grace, in which a worker waits for its handlers: for killing those that are left.
constexpr auto time_to_unwind = 1s;
constexpr int status_of_exception = 70;  // EX_SOFTWARE, as fork()'s

}  // namespace

WorkerMaster::WorkerMaster(net::WorkersOptions options, UniqueFunction<void(net::Worker&)> f)
    : options_{std::move(options)},
      function_{std::move(f)},
      listeners_{options_},
      places_(options_.count, Place{Clock::now(), options_.shortest_pause}) {}

WorkerMaster::~WorkerMaster() {
    for (const WorkerProcess& process : processes_) ::kill(process.pid(), SIGKILL);
}

void WorkerMaster::run() {
    while (!stopping_ || !processes_.empty()) {
        start_due();
        sleep_until(next_moment());
        heed_processes();
        heed_signals();
        kill_overdue();
    }
}

// --- Starting -------------------------------------------------------------------------------------

void WorkerMaster::start_due() {
    for (std::size_t i = 0; i < places_.size(); ++i) {
        if (places_[i].start_at > Clock::now()) continue;
        places_[i].start_at = never;
        try {
            start(i);
        } catch (const std::system_error& error) {  // no process to be had, or no memory
            log(Level::error, title(i) + " cannot be started: " + error.what());
            start_later(i);
        }
    }
}

void WorkerMaster::start(std::size_t place) {
    WorkerProcess::ReadyPipe pipe;
    flush_output();
    Process process = fork([this, place, master = ::getpid(), &pipe] {
        if (!die_with(master)) return 0;
        pipe.reading.reset();
        const int status = be_worker(place, std::move(pipe.writing));
        flush_output();
        return status;
    });
    const auto limit = Deadline{options_.start_limit}.at();
    processes_.emplace_back(place, generation_, limit, std::move(process), std::move(pipe.reading));
    log(Level::info,
        title(place) + " started, generation " + std::to_string(generation_) + ", pid " +
            std::to_string(processes_.back().pid()));
}

/// On the only thread of a new process that counts: the other waits for its end.
int WorkerMaster::be_worker(std::size_t place, UniqueFd ready) {
    processes_.clear();  // the descriptors of the others
    signals_.become_worker();
    name_this_process(title(place));
    try {
        grove::run(options_.run, [&] {
            WorkerState state{place, generation_, listeners_.take(place), std::move(ready)};
            const SignalHandler stop{SIGTERM, [&] { state.stop(options_.grace); }};
            net::Worker worker = WorkerAccess::make(state);
            function_(worker);
        });
    } catch (const std::exception& error) {
        log(Level::error, title(place) + ": " + error.what());
        return status_of_exception;
    }
    return 0;
}

// --- Waiting --------------------------------------------------------------------------------------

Clock::time_point WorkerMaster::next_moment() const noexcept {
    auto next = never;
    for (const Place& place : places_) next = std::min(next, place.start_at);
    for (const WorkerProcess& process : processes_) next = std::min(next, process.limit());
    return next;
}

void WorkerMaster::sleep_until(Clock::time_point when) {
    std::vector<pollfd> entries{{.fd = signals_.fd(), .events = POLLIN, .revents = 0}};
    for (WorkerProcess& process : processes_) {
        entries.push_back({.fd = process.end_fd(), .events = POLLIN, .revents = 0});
        entries.push_back({.fd = process.ready_fd(), .events = POLLIN, .revents = 0});  // -1 is passed over
    }
    (void)os().poll(entries.data(), entries.size(), Deadline{when});
}

void WorkerMaster::heed_signals() {
    while (const int signal = signals_.take()) {
        signal == SIGHUP ? reload() : stop_all();
    }
}

void WorkerMaster::heed_processes() {
    for (auto it = processes_.begin(); it != processes_.end();) {
        const auto process = it++;
        if (process->heed_ready()) {
            log(Level::info, title(process->place()) + " is ready, pid " + std::to_string(process->pid()));
            stop_predecessors(*process);
        }
        if (const auto status = process->end()) {
            std::list<WorkerProcess> ended;
            ended.splice(ended.end(), processes_, process);
            note_end(ended.front(), *status);
        }
    }
}

void WorkerMaster::kill_overdue() {
    for (WorkerProcess& process : processes_) {
        if (process.limit() > Clock::now()) continue;
        const bool starting = process.phase() == WorkerProcess::Phase::starting;
        log(Level::warning,
            title(process.place()) + (starting ? " did not become ready" : " did not stop") +
                " in time and is killed, pid " + std::to_string(process.pid()));
        process.kill();
    }
}

// --- What happens -----------------------------------------------------------------------------------

void WorkerMaster::reload() {
    if (stopping_) return;
    ++generation_;
    log(Level::info, "reload: starting generation " + std::to_string(generation_));
    for (std::size_t i = 0; i < places_.size(); ++i) {
        stop_younger_starts(i);
        places_[i] = {Clock::now(), options_.shortest_pause};
    }
}

/// So that many reloads do not become many processes. The oldest may be in service already, and its word be
/// on the way.
void WorkerMaster::stop_younger_starts(std::size_t place) {
    bool oldest = true;
    for (WorkerProcess& process : processes_) {
        if (process.place() != place || process.phase() == WorkerProcess::Phase::stopping) continue;
        if (!oldest && process.phase() == WorkerProcess::Phase::starting) ask_to_stop(process);
        oldest = false;
    }
}

/// Twice: at once.
void WorkerMaster::stop_all() {
    log(Level::info, stopping_ ? "stopping at once" : "stopping");
    const bool at_once = std::exchange(stopping_, true);
    listeners_.close();
    std::ranges::fill(places_, Place{never, {}});
    for (WorkerProcess& process : processes_) {
        if (at_once) {
            process.kill();
        } else if (process.phase() != WorkerProcess::Phase::stopping) {
            ask_to_stop(process);
        }
    }
}

void WorkerMaster::stop_predecessors(const WorkerProcess& ready) {
    for (WorkerProcess& process : processes_) {
        if (process.place() == ready.place() && process.generation() < ready.generation() &&
            process.phase() != WorkerProcess::Phase::stopping)
            ask_to_stop(process);
    }
}

void WorkerMaster::ask_to_stop(WorkerProcess& process) {
    const Deadline grace{options_.grace};
    process.ask_to_stop(grace.is_never() ? never : std::max(grace.at(), Clock::now()) + time_to_unwind);
}

void WorkerMaster::note_end(const WorkerProcess& process, int status) {
    const std::size_t place = process.place();
    const bool asked = process.phase() == WorkerProcess::Phase::stopping;
    std::string text = title(place) + " " + how_it_ended(status) + ", pid " + std::to_string(process.pid());
    const bool replace = !asked && !stopping_ && !has_present(place) && places_[place].start_at == never;
    if (replace) {
        if (const auto since = process.ready_since(); since && Clock::now() - *since >= options_.good_time)
            places_[place].pause = options_.shortest_pause;
        text += "; another starts in " + std::to_string(places_[place].pause.count()) + " ms";
        start_later(place);
    }
    log(asked ? Level::info : Level::warning, text);
}

void WorkerMaster::start_later(std::size_t place) {
    auto& [start_at, pause] = places_[place];
    start_at = std::max(Deadline{pause}.at(), Clock::now());
    pause = pause < options_.longest_pause / 2 ? 2 * pause : options_.longest_pause;
}

bool WorkerMaster::has_present(std::size_t place) const noexcept {
    return std::ranges::any_of(processes_, [&](const WorkerProcess& process) {
        return process.place() == place && process.generation() == generation_;
    });
}

std::string WorkerMaster::title(std::size_t place) const {
    return options_.name + "-" + std::to_string(place);
}

}  // namespace grove::detail
