#pragma once

#include <cstddef>

#if !defined(__x86_64__) || defined(GROVE_BOOST_CONTEXT)
#include <boost/context/detail/fcontext.hpp>
#endif

// How a flow of control leaves its stack for another one. By Boost.Context; on x86-64, where a switch is
// counted in nanoseconds, by a function of our own (decision 0025), unless GROVE_BOOST_CONTEXT asks for the
// library's.

namespace grove::detail {

/// Where a flow of control that does not run goes on: an address on its stack.
using StackPoint = void*;

#if defined(__x86_64__) && !defined(GROVE_BOOST_CONTEXT)

extern "C" {
void grove_switch_stack(StackPoint* here, StackPoint there) noexcept;
void grove_call_on_stack(StackPoint, void (*f)(void*) noexcept, void* data) noexcept;
}

StackPoint begin_on_stack(std::byte* top, void (*entry)() noexcept) noexcept;

/// On the stack that ends at `top` and has `size` bytes, Entry() begins when somebody goes there. It must not
/// return.
template <void (*Entry)() noexcept>
[[nodiscard]] StackPoint new_stack_point(std::byte* top, std::size_t) noexcept {
    return begin_on_stack(top, Entry);
}

/// Leaves for `there`; returns when somebody goes to `here`.
inline void switch_stack(StackPoint& here, StackPoint there) noexcept {
    grove_switch_stack(&here, there);
}

/// Goes on there, and never comes back. By a jump, not a call, for the sake of the processor's return stack:
/// half of spawn + join (bench spawn/join).
[[noreturn, gnu::always_inline]] inline void leave_stack(StackPoint there) noexcept {
    asm volatile("jmp grove_leave_stack" : : "D"(there) : "memory");
    __builtin_unreachable();
}

/// Calls f(data) on the stack of somebody who is not running, below what is there. f must not switch.
inline void call_on_stack(StackPoint& host, void (*f)(void*) noexcept, void* data) noexcept {
    grove_call_on_stack(host, f, data);
}

#else

template <void (*Entry)() noexcept>
[[nodiscard]] StackPoint new_stack_point(std::byte* top, std::size_t size) noexcept {
    using namespace boost::context::detail;
    return make_fcontext(top, size, [](transfer_t from) {
        *static_cast<StackPoint*>(from.data) = from.fctx;
        Entry();
    });
}

inline void switch_stack(StackPoint& here, StackPoint there) noexcept {
    const auto from = boost::context::detail::jump_fcontext(there, &here);
    *static_cast<StackPoint*>(from.data) = from.fctx;
}

[[noreturn]] inline void leave_stack(StackPoint there) noexcept {
    StackPoint nobody_comes_back;
    switch_stack(nobody_comes_back, there);
    __builtin_unreachable();
}

void call_on_stack(StackPoint& host, void (*f)(void*) noexcept, void* data) noexcept;

#endif

}  // namespace grove::detail
