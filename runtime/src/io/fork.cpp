#include <grove/io/process.hpp>

#include "core/scheduler.hpp"
#include "core/stop_signals.hpp"
#include "io/process_state.hpp"
#include "io/signal_hub.hpp"

#include <cerrno>
#include <csignal>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace grove {

namespace {

constexpr int status_of_exception = 70;  // EX_SOFTWARE

/// To standard error, without a lock that somebody may have held when we were forked.
void say(std::string_view text) noexcept {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

/// No signal comes before the child has let go of the parent's handlers.
class NoSignals {
public:
    NoSignals() noexcept {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    NoSignals(const NoSignals&) = delete;
    NoSignals& operator=(const NoSignals&) = delete;

private:
    sigset_t before_;
};

/// The runtime's watchdog is a thread that might hold a lock just then, in the logger for instance, which
/// nobody would ever release in the child.
class Unwatched {
public:
    Unwatched() : scheduler_{detail::Scheduler::here()} {
        if (scheduler_ && !scheduler_->has_watchdog()) scheduler_ = nullptr;
        if (scheduler_) scheduler_->set_watchdog(false);
    }
    ~Unwatched() {
        if (scheduler_) scheduler_->set_watchdog(true);
    }
    Unwatched(const Unwatched&) = delete;
    Unwatched& operator=(const Unwatched&) = delete;

private:
    detail::Scheduler* scheduler_;
};

pid_t fork_without_handlers() {
    const NoSignals for_now;
    const pid_t pid = ::fork();
    if (pid < 0) throw std::system_error{errno, std::generic_category(), "fork"};
    if (pid == 0) {
        detail::forget_signal_handlers();
        detail::forget_stop_signals();
    }
    return pid;
}

[[noreturn]] void be_child(UniqueFunction<int()>& f) noexcept {
    int status = status_of_exception;
    // All that is "here" is thread-local, the parent's runtime too: on a new thread there is none.
    std::thread{[&f, &status] {
        try {
            status = f();
        } catch (const std::exception& error) {
            say(std::string{"grove::fork: "} + error.what() + "\n");
        } catch (...) {  // ends the process, with a status that says so
            say("grove::fork: an exception\n");
        }
    }}.join();
    ::_exit(status);
}

}  // namespace

Process fork(UniqueFunction<int()> f) {
    pid_t pid = 0;
    {
        const Unwatched for_now;
        pid = fork_without_handlers();
        if (pid == 0) be_child(f);
    }
    return detail::ProcessAccess::make(pid);
}

}  // namespace grove
