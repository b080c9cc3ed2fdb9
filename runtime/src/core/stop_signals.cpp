#include "core/stop_signals.hpp"

#include "core/scheduler.hpp"

#include <atomic>
#include <cerrno>
#include <system_error>

namespace grove::detail {

namespace {

std::atomic<Scheduler*> stopped_by_signals{nullptr};  // the first runtime of the process
std::atomic<StopSignals*> installed{nullptr};         // its
std::atomic<int> handlers_running{0};                 // on other threads, perhaps, when it ends

void stop(int signal) noexcept {
    const int error = errno;
    ++handlers_running;
    if (Scheduler* const scheduler = stopped_by_signals) {
        if (scheduler->stop_signal() > 0) end_process_by(signal);
        scheduler->stop_by_signal(signal);
    }
    --handlers_running;
    errno = error;
}

}  // namespace

StopSignals::StopSignals(const std::vector<int>& signals, Scheduler& scheduler) {
    Scheduler* nobody = nullptr;
    if (signals.empty() || !stopped_by_signals.compare_exchange_strong(nobody, &scheduler)) return;
    ours_ = true;
    installed = this;
    saved_.reserve(signals.size());
    for (const int signal : signals) {
        struct sigaction action {};
        action.sa_handler = [](int number) { stop(number); };
        action.sa_flags = SA_RESTART;
        Saved saved{signal, {}};
        if (sigaction(signal, &action, &saved.action) != 0) {
            const int error = errno;
            restore();
            throw std::system_error{
                error, std::system_category(), "RunOptions::stop_signals: signal " + std::to_string(signal)};
        }
        saved_.push_back(saved);
        if (saved.action.sa_handler == SIG_IGN) sigaction(signal, &saved.action, nullptr);  // nohup means it
    }
}

StopSignals::~StopSignals() {
    if (ours_) restore();
}

void StopSignals::restore() noexcept {
    // Backwards: of one that is listed twice, what was there at first comes last.
    for (auto saved = saved_.rbegin(); saved != saved_.rend(); ++saved) {
        sigaction(saved->signal, &saved->action, nullptr);
    }
    installed = nullptr;
    stopped_by_signals = nullptr;
    while (handlers_running > 0) {
    }
}

void forget_stop_signals() noexcept {
    handlers_running = 0;  // those that run there do not run here
    if (StopSignals* const parents = installed) parents->restore();
}

void end_process_by(int signal) noexcept {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);
    sigset_t just_this;
    sigemptyset(&just_this);
    sigaddset(&just_this, signal);
    pthread_sigmask(SIG_UNBLOCK, &just_this, nullptr);
    ::raise(signal);
}

}  // namespace grove::detail
