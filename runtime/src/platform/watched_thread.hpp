#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <pthread.h>
#include <string>

namespace grove::detail {

/// Where a thread is: return addresses, innermost first.
struct CallStack {
    std::array<void*, 48> frames{};
    std::size_t size = 0;

    /// A sentence with a line per frame, as far as the program's symbols tell; what is static there has an
    /// offset, for addr2line.
    [[nodiscard]] std::string to_string() const;
};

/// Interrupts a thread of this process: it notes its call stack and calls look(argument), in a signal
/// handler. False, and the stack is empty: it did not within 100 ms, or has ended, or the signal, SIGURG, has
/// a handler of somebody else's. A system call it is in is begun again, but for those that signal(7) lists as
/// never restarted: they fail with EINTR.
bool interrupt_thread(pid_t, CallStack&, void (*look)(void* argument) noexcept, void* argument);

/// A thread, seen from another one. Requires, of every call: the thread has not ended.
class WatchedThread {
public:
    WatchedThread() noexcept;  ///< the calling one

    [[nodiscard]] pid_t id() const noexcept { return id_; }

    [[nodiscard]] std::chrono::nanoseconds cpu_time() const noexcept;  ///< it has used so far
    [[nodiscard]] bool in_kernel_sleep() const noexcept;               ///< neither runs nor wants to

private:
    pthread_t thread_;
    pid_t id_;
};

}  // namespace grove::detail
