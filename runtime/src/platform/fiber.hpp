#pragma once

#include <grove/base/fiber_record.hpp>

#include "platform/sanitizers.hpp"

#include <boost/context/detail/fcontext.hpp>

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

/// Makes `fiber` ready to run entry() on its stack. entry must begin with arrive() and never return.
void make_fiber(FiberRecord& fiber, void (*entry)(boost::context::detail::transfer_t)) noexcept;
/// Makes a record of the flow of control that runs now, on its thread's own stack.
void adopt_thread(FiberRecord&) noexcept;
/// After the fiber has been left for good.
void forget_fiber(FiberRecord&) noexcept;

/// Boost.Context carries the SSE control word along, and loading one that differs from the present one takes
/// 65 ns instead of nothing. Control bits seldom differ, but the sticky exception flags do as soon as one of
/// two fibers has rounded a number. So a thread that runs fibers has all of them set from the start: then
/// nothing changes them but a program that clears them on purpose (bench switch/yield_floating_point).
class SettledFloatFlags {
public:
    SettledFloatFlags() noexcept;
    ~SettledFloatFlags();
    SettledFloatFlags(const SettledFloatFlags&) = delete;
    SettledFloatFlags& operator=(const SettledFloatFlags&) = delete;

private:
    unsigned before_ = 0;
};

#if defined(__x86_64__)
/// jump_fcontext, but it comes back by a return instruction. The library's own comes back by an indirect
/// jump, so the processor's return stack keeps one entry too many and mispredicts every return up the call
/// chain behind a switch: 40 ns per yield here (bench switch/yield).
extern "C" boost::context::detail::transfer_t grove_jump_fcontext(boost::context::detail::fcontext_t,
                                                                  void*) noexcept;
/// The same for ontop_fcontext.
extern "C" boost::context::detail::transfer_t grove_ontop_fcontext(
    boost::context::detail::fcontext_t,
    void*,
    boost::context::detail::transfer_t (*)(boost::context::detail::transfer_t)) noexcept;
#else
inline auto grove_jump_fcontext(boost::context::detail::fcontext_t to, void* data) noexcept {
    return boost::context::detail::jump_fcontext(to, data);
}
inline auto grove_ontop_fcontext(
    boost::context::detail::fcontext_t to,
    void* data,
    boost::context::detail::transfer_t (*f)(boost::context::detail::transfer_t)) noexcept {
    return boost::context::detail::ontop_fcontext(to, data, f);
}
#endif

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

/// Leaves `from` for `to`; returns when somebody switches back.
/// Price: 1.1 x the bare Boost.Context jump (bench switch/yield beside baseline/context_jump). Boost before
/// 1.88 does not carry the C++ exception state along, so we do.
inline void switch_fiber(FiberRecord& from, FiberRecord& to, ThreadSlots slots) noexcept {
    from.exceptions = *slots.exceptions;
    from.saved_errno = *slots.error;
#if defined(GROVE_ASAN)
    __sanitizer_start_switch_fiber(&from.sanitizer_fiber, to.stack.bottom(), to.stack.size);
#elif defined(GROVE_TSAN)
    tsan_switch_to(to);
#endif
    const auto arrived = grove_jump_fcontext(to.context, &from);
    static_cast<FiberRecord*>(arrived.data)->context = arrived.fctx;
#if defined(GROVE_ASAN)
    __sanitizer_finish_switch_fiber(from.sanitizer_fiber, nullptr, nullptr);
#endif
    *slots.exceptions = from.exceptions;
    *slots.error = from.saved_errno;
}

/// Runs f(data) on the stack of `host`, which has begun and is not running, below what it has there. `from`
/// is the fiber that runs, and still is. f must not switch.
void run_on_stack_of(FiberRecord& host, FiberRecord& from, void (*f)(void*) noexcept, void* data) noexcept;

/// Leaves a fiber that has ended, from the function that make_fiber() was given. By a jump, not a call, for
/// the sake of the processor's return stack: half of spawn + join (bench spawn/join).
[[noreturn, gnu::always_inline]] inline void leave_fiber(FiberRecord& from, FiberRecord& to) noexcept {
#if defined(GROVE_ASAN)
    __sanitizer_start_switch_fiber(nullptr, to.stack.bottom(), to.stack.size);
#elif defined(GROVE_TSAN)
    tsan_switch_to(to);
#endif
#if defined(__x86_64__)
    asm volatile("jmp *jump_fcontext@GOTPCREL(%%rip)" : : "D"(to.context), "S"(&from) : "memory");
#else
    boost::context::detail::jump_fcontext(to.context, &from);
#endif
    __builtin_unreachable();
}

/// The other half of a switch, at the start of a fiber's entry().
inline void arrive(boost::context::detail::transfer_t arrived, ThreadSlots slots) noexcept {
    static_cast<FiberRecord*>(arrived.data)->context = arrived.fctx;
#if defined(GROVE_ASAN)
    __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
    *slots.exceptions = {};
    *slots.error = 0;
}

}  // namespace grove::detail
