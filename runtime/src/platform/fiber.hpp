#pragma once

#include <grove/base/fiber_record.hpp>

#include "platform/sanitizers.hpp"
#include "platform/stack_switch.hpp"

#include <cstring>

#if defined(GROVE_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(GROVE_TSAN)
#include <sanitizer/tsan_interface.h>
#include <sys/syscall.h>

#include <csignal>
#include <cstdint>
#include <cstring>
#include <unistd.h>
#endif

namespace grove::detail {

/// What belongs to the OS thread, and must look to each fiber as if it were its own. A fiber stays on its
/// thread, so the addresses are taken once.
struct ThreadSlots {
    ExceptionState* exceptions;
    int* error;

    [[nodiscard]] static ThreadSlots of_this_thread() noexcept;
};

/// Makes a record of the flow of control that runs now, on its thread's own stack.
void adopt_thread(FiberRecord&) noexcept;
/// After the fiber has been left for good.
void forget_fiber(FiberRecord&) noexcept;

/// A switch carries the SSE control word along, and loading one that differs from the present one takes 65 ns
/// instead of nothing. Control bits seldom differ, but the sticky exception flags do as soon as one of two
/// fibers has rounded a number. So a thread that runs fibers has all of them set from the start: then nothing
/// changes them but a program that clears them on purpose (bench switch/yield_floating_point).
class SettledFloatFlags {
public:
    SettledFloatFlags() noexcept;
    ~SettledFloatFlags();
    SettledFloatFlags(const SettledFloatFlags&) = delete;
    SettledFloatFlags& operator=(const SettledFloatFlags&) = delete;

private:
    unsigned before_ = 0;
};

#if defined(GROVE_TSAN)
/// TSan keeps a signal for the fiber that runs when it comes, until that fiber next calls an interceptor: one
/// that comes shortly before a switch would wait as long as the fiber, and be lost if it ends. So while TSan
/// takes its thread from one fiber to another none comes, and what came before is handled.
class SignalsHeldBack {
public:
    SignalsHeldBack() noexcept {
        const std::uint64_t all = ~std::uint64_t{0};
        ::syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before_, sizeof before_);
        const char* volatile text = "";
        [[maybe_unused]] const volatile std::size_t length = std::strlen(text);  // an interceptor
    }
    ~SignalsHeldBack() { ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof before_); }
    SignalsHeldBack(const SignalsHeldBack&) = delete;
    SignalsHeldBack& operator=(const SignalsHeldBack&) = delete;

private:
    std::uint64_t before_ = 0;
};

/// Inlined, or TSan would take note of the call on one fiber and of its return on the other.
[[gnu::always_inline]] inline void tsan_switch_to(FiberRecord& to) noexcept {
    const SignalsHeldBack held_back;
    __tsan_switch_to_fiber(to.sanitizer_fiber, 0);
}
#endif

/// The part of make_fiber() that does not depend on what it is to run. Where its stack begins.
[[nodiscard]] StackSpan prepare_fiber(FiberRecord&) noexcept;

/// Makes `fiber` ready to run Entry() on its stack. Entry must begin with arrive() and never return.
template <void (*Entry)() noexcept>
void make_fiber(FiberRecord& fiber) noexcept {
    const StackSpan stack = prepare_fiber(fiber);
    fiber.context = new_stack_point<Entry>(stack.top, stack.size);
}

/// Boost before 1.88 does not carry the C++ exception state along, and nobody does errno; so we do.
inline void exchange_thread_state(FiberRecord& from, const FiberRecord& to, ThreadSlots slots) noexcept {
    std::memcpy(&from.exceptions, slots.exceptions, sizeof from.exceptions);
    from.saved_errno = *slots.error;
    std::memcpy(slots.exceptions, &to.exceptions, sizeof to.exceptions);
    *slots.error = to.saved_errno;
}

/// Leaves `from` for `to`; returns when somebody switches back. Price: bench switch/yield. Boost before 1.88
/// does not carry the C++ exception state along, so we do.
inline void switch_fiber(FiberRecord& from, FiberRecord& to, ThreadSlots slots) noexcept {
    exchange_thread_state(from, to, slots);
#if defined(GROVE_ASAN)
    __sanitizer_start_switch_fiber(&from.sanitizer_fiber, to.stack.bottom(), to.stack.size);
#elif defined(GROVE_TSAN)
    tsan_switch_to(to);
#endif
    switch_stack(from.context, to.context);
#if defined(GROVE_ASAN)
    __sanitizer_finish_switch_fiber(from.sanitizer_fiber, nullptr, nullptr);
#endif
}

/// Runs f(data) on the stack of `host`, which has begun and is not running, below what it has there. `from`
/// is the fiber that runs, and still is. f must not switch.
void run_on_stack_of(FiberRecord& host, FiberRecord& from, void (*f)(void*) noexcept, void* data) noexcept;

/// Leaves a fiber that has ended, from the function that make_fiber() was given.
[[noreturn, gnu::always_inline]] inline void leave_fiber(FiberRecord& to, ThreadSlots slots) noexcept {
#if defined(GROVE_ASAN)
    __sanitizer_start_switch_fiber(nullptr, to.stack.bottom(), to.stack.size);
#elif defined(GROVE_TSAN)
    tsan_switch_to(to);
#endif
    *slots.exceptions = to.exceptions;
    *slots.error = to.saved_errno;
    leave_stack(to.context);
}

/// The other half of a switch, at the start of what a fiber runs.
inline void arrive() noexcept {
#if defined(GROVE_ASAN)
    __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

}  // namespace grove::detail
