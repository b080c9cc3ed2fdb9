#include "net/master_signals.hpp"

#include <sys/signalfd.h>

#include <cerrno>
#include <system_error>
#include <unistd.h>

namespace grove::detail {

namespace {

sigset_t masters() noexcept {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
    return set;
}

int open_signalfd() {
    const sigset_t set = masters();
    const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) throw std::system_error{errno, std::generic_category(), "run_workers: signalfd"};
    return fd;
}

}  // namespace

MasterSignals::MasterSignals() : fd_{open_signalfd()} {
    const sigset_t set = masters();
    pthread_sigmask(SIG_BLOCK, &set, &before_);
}

MasterSignals::~MasterSignals() {
    while (take() != 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

int MasterSignals::take() noexcept {
    signalfd_siginfo info;
    return ::read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

void MasterSignals::become_worker() const noexcept {
    // A handler and not SIG_IGN, which the worker's own children would inherit.
    struct sigaction nothing {};
    nothing.sa_handler = [](int) {};
    nothing.sa_flags = SA_RESTART;
    for (const int signal : {SIGINT, SIGHUP}) ::sigaction(signal, &nothing, nullptr);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace grove::detail
