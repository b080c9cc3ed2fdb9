#include "platform/watched_thread.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <fstream>
#include <limits>
#include <memory>
#include <mutex>
#include <semaphore.h>
#include <span>
#include <ucontext.h>
#include <unistd.h>

namespace grove::detail {

namespace {

constexpr auto patience = std::chrono::milliseconds{100};

struct Request {
    CallStack& stack;
    void (*look)(void* argument) noexcept;
    void* argument;
    sem_t done{};
    std::atomic<bool> looked{false};  // orders what it noted: TSan does not see that sem_clockwait does
};

std::mutex one_at_a_time;  // the handler is the process's
std::atomic<Request*> request{nullptr};

std::uintptr_t interrupted_at(const ucontext_t& context) noexcept {
#if defined(__x86_64__)
    return static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
    return context.uc_mcontext.pc;
#else
    return 0;
#endif
}

/// Without the handler's own frames.
void note_stack(CallStack& stack, std::uintptr_t from) noexcept {
    const auto count = ::backtrace(stack.frames.data(), static_cast<int>(stack.frames.size()));
    const auto end = stack.frames.begin() + count;
    const auto first = std::find_if(stack.frames.begin(), end, [from](const void* frame) {
        return reinterpret_cast<std::uintptr_t>(frame) == from;
    });
    if (first != end) std::copy(first, end, stack.frames.begin());
    stack.size = static_cast<std::size_t>(first != end ? end - first : count);
}

void on_signal(int, siginfo_t*, void* context) noexcept {
    const int error = errno;
    if (Request* const r = request.exchange(nullptr)) {  // null: it came too late
        note_stack(r->stack, interrupted_at(*static_cast<const ucontext_t*>(context)));
        r->look(r->argument);
        r->looked.store(true, std::memory_order_release);
        sem_post(&r->done);
    }
    errno = error;
}

bool is_done(sem_t& done) noexcept {
    timespec until{};
    clock_gettime(CLOCK_MONOTONIC, &until);
    const std::int64_t ns = until.tv_nsec + std::chrono::nanoseconds{patience}.count();
    until.tv_sec += ns / 1'000'000'000;
    until.tv_nsec = ns % 1'000'000'000;
    int result = 0;
    while ((result = sem_clockwait(&done, CLOCK_MONOTONIC, &until)) != 0 && errno == EINTR) {
    }
    return result == 0;
}

void wait_until(sem_t& done) noexcept {
    while (sem_wait(&done) != 0) {
    }
}

/// Our handler of SIGURG, for a scope. By default nothing happens at that signal, so one that comes late is
/// lost.
class Handler {
public:
    Handler() {
        struct sigaction present {};
        sigaction(SIGURG, nullptr, &present);
        if ((present.sa_flags & SA_SIGINFO) ||
            (present.sa_handler != SIG_DFL && present.sa_handler != SIG_IGN))
            return;
        struct sigaction ours {};
        ours.sa_sigaction = &on_signal;
        ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
        installed_ = sigaction(SIGURG, &ours, &before_) == 0;
    }
    ~Handler() {
        if (installed_) sigaction(SIGURG, &before_, nullptr);
    }
    Handler(const Handler&) = delete;
    Handler& operator=(const Handler&) = delete;

    [[nodiscard]] bool installed() const noexcept { return installed_; }

private:
    struct sigaction before_ {};
    bool installed_ = false;
};

std::string describe_frame(void* frame) {
    Dl_info info{};
    std::array<char, 32> address{};
    if (dladdr(frame, &info) == 0 || !info.dli_fname) {
        std::snprintf(address.data(), address.size(), "%p", frame);
        return address.data();
    }
    const auto offset =
        reinterpret_cast<std::uintptr_t>(frame) - reinterpret_cast<std::uintptr_t>(info.dli_fbase);
    std::snprintf(address.data(), address.size(), "+0x%zx", static_cast<std::size_t>(offset));
    std::string text = info.dli_fname;
    text += address.data();
    if (!info.dli_sname) return text;
    const std::unique_ptr<char, decltype(&std::free)> name{
        abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, nullptr), &std::free};
    return text + " " + (name ? name.get() : info.dli_sname);
}

}  // namespace

std::string CallStack::to_string() const {
    if (size == 0) return "Where it is cannot be seen: SIGURG is not to be had.";
    std::string text = "It is at:";
    for (void* const frame : std::span{frames}.first(size)) text += "\n    " + describe_frame(frame);
    return text;
}

WatchedThread::WatchedThread() noexcept : thread_{pthread_self()}, id_{gettid()} {}

std::chrono::nanoseconds WatchedThread::cpu_time() const noexcept {
    clockid_t clock{};
    timespec used{};
    if (pthread_getcpuclockid(thread_, &clock) != 0 || clock_gettime(clock, &used) != 0) return {};
    return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

bool WatchedThread::in_kernel_sleep() const noexcept {
    // "tid (name) S ...": a name may have brackets itself.
    std::ifstream stat{"/proc/self/task/" + std::to_string(id_) + "/stat"};
    stat.ignore(std::numeric_limits<std::streamsize>::max(), '(');
    std::string line;
    std::getline(stat, line);
    const auto bracket = line.rfind(") ");
    return bracket != std::string::npos && (line[bracket + 2] == 'S' || line[bracket + 2] == 'D');
}

bool interrupt_thread(pid_t id, CallStack& stack, void (*look)(void* argument) noexcept, void* argument) {
    const std::scoped_lock lock{one_at_a_time};
    const Handler handler;
    if (!handler.installed()) return false;
    (void)::backtrace(stack.frames.data(),
                      1);  // the first call of a process loads a library: not in a handler
    Request ours{stack, look, argument};
    sem_init(&ours.done, 0, 0);
    request = &ours;
    bool answered = ::tgkill(::getpid(), id, SIGURG) == 0 && is_done(ours.done);
    if (!answered && request.exchange(nullptr) == nullptr) {
        wait_until(ours.done);  // it has begun
        answered = true;
    }
    sem_destroy(&ours.done);
    return answered && ours.looked.load(std::memory_order_acquire);
}

}  // namespace grove::detail
