#include "platform/stack_overflow.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <unistd.h>

namespace grove::detail {

// --- the message -----------------------------------------------------------------------------

namespace {

/// One line put together without allocating. What does not fit is cut off.
class Line {
public:
    Line& operator<<(std::string_view text) noexcept {
        const auto count = std::min(text.size(), text_.size() - size_);
        std::copy_n(text.data(), count, text_.data() + size_);
        size_ += count;
        return *this;
    }
    Line& operator<<(std::uint64_t number) noexcept {
        std::array<char, 20> digits;
        auto* first = digits.data() + digits.size();
        do {
            *--first = static_cast<char>('0' + number % 10);
        } while ((number /= 10) != 0);
        return *this << std::string_view{first, digits.data() + digits.size()};
    }
    void write_to(int fd) const noexcept {
        [[maybe_unused]] const auto written = ::write(fd, text_.data(), size_);
    }

private:
    std::array<char, 1024> text_;
    std::size_t size_ = 0;
};

}  // namespace

void report_stack_overflow(const OverflowedStack& stack) noexcept {
    Line line;
    line << "grove: stack overflow in greenlet ";
    if (stack.name.empty()) {
        line << "#" << stack.id;
    } else {
        line << "\"" << stack.name << "\" (#" << stack.id << ")";
    }
    line << ": " << stack.stack_size << " bytes";
    if (const std::string_view file = stack.spawned_at.file; !file.empty()) {
        line << ", spawned at " << file << ":" << stack.spawned_at.line;
    }
    line << "; raise SpawnOptions::stack_size or RunOptions::stack_size\n";
    line.write_to(STDERR_FILENO);
}

// --- the signal handlers ---------------------------------------------------------------------

namespace {

constinit thread_local const StackOverflowGuard* innermost_guard = nullptr;

/// A signal's handler, and the one it took the place of.
struct Handler {
    int signal;
    struct sigaction before {};
    bool stays = false;  // somebody who came after us may call us from theirs

    void install() noexcept;
    void take_off() noexcept;
    void pass_on(siginfo_t*, void* context) const noexcept;
    void die_of_it(bool sent) const noexcept;
};

constinit Handler on_segv{SIGSEGV};
constinit Handler on_bus{SIGBUS};

std::mutex install_mutex;  // guards `installed` and the two above
int installed = 0;

[[nodiscard]] bool is_overflow(const siginfo_t& info) noexcept {
    if (info.si_code <= 0) return false;  // sent by somebody, with no address
    for (auto* guard = innermost_guard; guard; guard = guard->outer()) {
        if (guard->report(info.si_addr)) return true;
    }
    return false;
}

void on_fault(int signal, siginfo_t* info, void* context) noexcept {
    const int saved_errno = errno;
    const Handler& handler = signal == SIGSEGV ? on_segv : on_bus;
    if (is_overflow(*info)) {
        ::sigaction(signal, &handler.before, nullptr);  // the fault repeats on return, and is theirs then
    } else {
        handler.pass_on(info, context);
    }
    errno = saved_errno;
}

void Handler::install() noexcept {
    if (stays) return;
    struct sigaction ours {};
    ours.sa_sigaction = on_fault;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigaction(signal, &ours, &before);
}

void Handler::take_off() noexcept {
    struct sigaction now {};
    ::sigaction(signal, nullptr, &now);
    stays = now.sa_sigaction != on_fault;
    if (!stays) ::sigaction(signal, &before, nullptr);
}

void Handler::pass_on(siginfo_t* info, void* context) const noexcept {
    const bool sent = info->si_code <= 0;
    if ((before.sa_flags & SA_SIGINFO) != 0) {
        before.sa_sigaction(signal, info, context);
    } else if (before.sa_handler == SIG_DFL || (before.sa_handler == SIG_IGN && !sent)) {
        die_of_it(sent);
    } else if (before.sa_handler != SIG_IGN) {
        before.sa_handler(signal);
    }
}

/// A fault repeats on return from the handler; a signal that was sent must be sent again.
void Handler::die_of_it(bool sent) const noexcept {
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    ::sigaction(signal, &standard, nullptr);
    if (sent) ::raise(signal);
}

}  // namespace

// --- the guard -------------------------------------------------------------------------------

namespace {

/// Gives the thread an alternate signal stack, unless it has one. Large enough that a crash reporter
/// which comes after us can walk the stack on it.
[[nodiscard]] std::unique_ptr<std::byte[]> make_signal_stack() {
    stack_t now{};
    ::sigaltstack(nullptr, &now);
    if ((now.ss_flags & SS_DISABLE) == 0) return nullptr;
    const auto least = static_cast<std::size_t>(std::max(::sysconf(_SC_MINSIGSTKSZ), 0L));
    stack_t ours{};
    ours.ss_size = least + (std::size_t{64} << 10);
    auto memory = std::make_unique_for_overwrite<std::byte[]>(ours.ss_size);
    ours.ss_sp = memory.get();
    ::sigaltstack(&ours, nullptr);
    return memory;
}

void drop_signal_stack(const void* ours) noexcept {
    stack_t now{};
    ::sigaltstack(nullptr, &now);
    if (now.ss_sp != ours) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
}

}  // namespace

StackOverflowGuard::StackOverflowGuard(const StackPool& pool, Describe describe, void* context)
    : pool_{pool},
      describe_{describe},
      context_{context},
      outer_{innermost_guard},
      signal_stack_{make_signal_stack()} {
    innermost_guard = this;
    const std::lock_guard lock{install_mutex};
    if (installed++ > 0) return;
    on_segv.install();
    on_bus.install();
}

StackOverflowGuard::~StackOverflowGuard() {
    GROVE_ASSERT(innermost_guard == this, "stack overflow guards end on their thread, last made first");
    innermost_guard = outer_;
    if (signal_stack_) drop_signal_stack(signal_stack_.get());
    const std::lock_guard lock{install_mutex};
    if (--installed > 0) return;
    on_segv.take_off();
    on_bus.take_off();
}

bool StackOverflowGuard::report(const void* fault) const noexcept {
    if (!pool_.is_guard(fault)) return false;
    report_stack_overflow(describe_(context_));
    return true;
}

}  // namespace grove::detail
