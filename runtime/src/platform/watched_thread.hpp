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

    /// A line per frame, as far as the program's symbols tell; what is static there has an offset, for
    /// addr2line.
    [[nodiscard]] std::string to_string() const;
};

/// A thread of this process, seen from another one. Requires, of every call: the thread has not ended.
class WatchedThread {
public:
    using Look = void (*)(void* argument) noexcept;

    WatchedThread() noexcept;  ///< the calling one

    [[nodiscard]] std::chrono::nanoseconds cpu_time() const noexcept;  ///< it has used so far
    [[nodiscard]] bool in_kernel_sleep() const noexcept;               ///< neither runs nor wants to

    /// Interrupts it: it notes its call stack and calls look(argument), in a signal handler. False: it did
    /// not within `patience`, or the signal, SIGURG, has a handler of somebody else's. A system call it is in
    /// is begun again, but for those that signal(7) lists as never restarted: they fail with EINTR.
    [[nodiscard]] bool interrupt(CallStack&,
                                 Look look,
                                 void* argument,
                                 std::chrono::milliseconds patience) const;

private:
    pthread_t thread_;
    pid_t id_;
};

}  // namespace grove::detail
