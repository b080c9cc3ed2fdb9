#include <grove/core/greenlet.hpp>
#include <grove/io/signal.hpp>

#include "core/scheduler.hpp"
#include "io/signal_hub.hpp"
#include "io/unique_fd.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

// A signal's way: the handler writes its number into the pipe of each runtime that wants it, and the event
// loop of that runtime reads it. A pipe keeps the order, wakes the loop, and write(2) is allowed in a
// handler. signalfd would do as well only if every thread of the process, also a library's, had the signals
// blocked.

namespace grove {

namespace detail {

class SignalHub;

struct SignalEntry {
    int number;
    UniqueFunction<void()> function;
    SourceSite site;
    SignalHub* hub;  // null: the handler, or its runtime, is gone
};

namespace {

constexpr std::size_t signals = NSIG;

std::atomic<SignalHub*> first_hub{nullptr};
std::atomic<int> handlers_running{0};  // on any thread: until it is 0, a hub taken out may still be looked at

/// What each signal did before we took it. Guarded by the mutex.
struct Taken {
    std::mutex mutex;
    std::array<int, signals> users{};
    std::array<struct sigaction, signals> before{};
};

Taken& taken() {
    static Taken all;
    return all;
}

void note(int number);

void take(int number) {
    Taken& all = taken();
    const std::scoped_lock lock{all.mutex};
    const auto index = static_cast<std::size_t>(number);
    if (all.users[index] == 0) {
        struct sigaction action {};
        action.sa_handler = &note;
        action.sa_flags = SA_RESTART;
        if (::sigaction(number, &action, &all.before[index]) != 0)
            throw std::system_error{
                errno, std::generic_category(), "SignalHandler: signal " + std::to_string(number)};
    }
    ++all.users[index];
}

void give_back(int number) noexcept {
    Taken& all = taken();
    const std::scoped_lock lock{all.mutex};
    const auto index = static_cast<std::size_t>(number);
    if (--all.users[index] == 0) ::sigaction(number, &all.before[index], nullptr);
}

}  // namespace

/// A part of a runtime: its handlers.
class SignalHub final : private FdWatch {
public:
    SignalHub() : SignalHub{make_pipe()} {}
    explicit SignalHub(const std::array<int, 2>& pipe)
        : scheduler_{*Scheduler::here()}, reading_{pipe[0]}, writing_{pipe[1]} {
        for (const int fd : pipe) check(os().set_non_blocking(fd, true));
        if (const auto ec = scheduler_.loop().watch(reading_.get(), *this))
            throw std::system_error{ec, "SignalHandler"};
        const std::scoped_lock lock{taken().mutex};
        next_.store(first_hub.load());
        first_hub = this;
    }

    ~SignalHub() {
        const std::scoped_lock held{scheduler_.gil()};
        for (const auto& entry : entries_) {
            give_back(entry->number);
            entry->hub = nullptr;
        }
        take_out();
        scheduler_.loop().forget(reading_.get());
    }
    SignalHub(const SignalHub&) = delete;
    SignalHub& operator=(const SignalHub&) = delete;

    void add(std::shared_ptr<SignalEntry> entry) {
        entries_.reserve(entries_.size() + 1);
        auto& wanted = wanted_[static_cast<std::size_t>(entry->number)];
        ++wanted;  // before the system hands us the first, which would be lost
        try {
            take(entry->number);
        } catch (const std::system_error&) {
            --wanted;
            throw;
        }
        entries_.push_back(std::move(entry));
        scheduler_.add_outside();
    }

    void remove(SignalEntry& entry) noexcept {
        scheduler_.drop_outside();
        give_back(entry.number);
        --wanted_[static_cast<std::size_t>(entry.number)];
        entry.hub = nullptr;
        std::erase_if(entries_, [&entry](const auto& one) { return one.get() == &entry; });
    }

    // --- in a signal handler ---

    [[nodiscard]] SignalHub* next() const noexcept { return next_; }
    void arrived(int number) noexcept {
        if (wanted_[static_cast<std::size_t>(number)] == 0) return;
        if (owner_ != ::getpid()) return;  // a child by fork(2), before its exec, has our pipe
        const auto byte = static_cast<unsigned char>(number);
        // It is full when 65536 were not looked at yet. One more says nothing new.
        [[maybe_unused]] const auto written = ::write(writing_.get(), &byte, 1);
    }

private:
    static void check(int result) {
        if (result < 0) throw std::system_error{-result, std::generic_category(), "SignalHandler"};
    }
    static std::array<int, 2> make_pipe() {
        std::array<int, 2> fds{};
        check(os().pipe(fds.data()));
        return fds;
    }

    void take_out() noexcept {
        const std::scoped_lock lock{taken().mutex};
        std::atomic<SignalHub*>* place = &first_hub;
        while (*place != this) place = &place->load()->next_;
        place->store(next_);
        while (handlers_running > 0) {
        }
    }

    /// In the hub.
    void on_ready(Readiness) noexcept override {
        std::array<unsigned char, 64> numbers;
        for (;;) {
            const ssize_t n = os().read(reading_.get(), numbers.data(), numbers.size());
            if (n <= 0 && n != -EINTR) return scheduler_.loop().rearm(reading_.get(), Readiness::readable);
            for (ssize_t i = 0; i < n; ++i) dispatch(numbers[static_cast<std::size_t>(i)]);
        }
    }

    void dispatch(int number) {
        const std::string name = "signal " + std::to_string(number);
        for (const auto& entry : entries_) {
            if (entry->number != number) continue;
            spawn({.name = name, .site = entry->site}, [entry] {
                if (entry->hub) entry->function();
            });
        }
    }

    Scheduler& scheduler_;
    const pid_t owner_ = ::getpid();
    UniqueFd reading_;
    UniqueFd writing_;
    std::vector<std::shared_ptr<SignalEntry>> entries_;
    std::array<std::atomic<int>, signals> wanted_{};
    std::atomic<SignalHub*> next_{nullptr};
};

namespace {

/// On whichever thread the system chose.
void note(int number) {
    const int error = errno;
    ++handlers_running;
    for (SignalHub* hub = first_hub; hub; hub = hub->next()) hub->arrived(number);
    --handlers_running;
    errno = error;
}

}  // namespace

/// The mutex may be held for ever by a thread that does not exist here.
void forget_signal_handlers() noexcept {
    first_hub = nullptr;
    handlers_running = 0;  // those that run there do not run here
    Taken& all = taken();
    for (std::size_t number = 0; number < signals; ++number) {
        if (std::exchange(all.users[number], 0) > 0)
            ::sigaction(static_cast<int>(number), &all.before[number], nullptr);
    }
}

}  // namespace detail

SignalHandler::SignalHandler(int signal, UniqueFunction<void()> f, SourceSite site) {
    constexpr std::array faults{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    if (std::ranges::find(faults, signal) != faults.end())
        throw std::invalid_argument{"SignalHandler: the signal of a fault"};
    detail::Scheduler* const scheduler = detail::Scheduler::here();
    if (!scheduler) throw std::logic_error{"SignalHandler: no runtime on this thread"};
    if (signal <= 0 || signal >= NSIG)
        throw std::system_error{EINVAL, std::generic_category(), "SignalHandler"};
    auto& hub = scheduler->service<detail::SignalHub>();
    entry_ = std::make_shared<detail::SignalEntry>(detail::SignalEntry{signal, std::move(f), site, &hub});
    hub.add(entry_);
}

SignalHandler::~SignalHandler() {
    if (entry_->hub) entry_->hub->remove(*entry_);
}

}  // namespace grove
