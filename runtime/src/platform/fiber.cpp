#include "platform/fiber.hpp"

#include <cerrno>
#include <cstdint>
#include <cxxabi.h>
#include <pthread.h>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#if defined(__x86_64__)
// Puts the address of a return instruction between our caller's and the library's function, which takes it
// for its own caller's: whoever jumps back here lands on that instruction.
asm(R"(
    .text
    .macro grove_returning name, function
    .globl \name
    .hidden \name
    .type \name, @function
\name:
    leaq 1f(%rip), %rax
    pushq %rax
    jmp *\function\()@GOTPCREL(%rip)
1:  ret
    .size \name, . - \name
    .endm

    grove_returning grove_jump_fcontext, jump_fcontext
    grove_returning grove_ontop_fcontext, ontop_fcontext
    .purgem grove_returning
)");

// What ontop_fcontext calls, on top of the host's stack, which such a return address has left unaligned. It
// ends with a jump back in place of a return, so that the host is as it was before.
asm(R"(
    .text
    .globl grove_borrow
    .hidden grove_borrow
    .type grove_borrow, @function
grove_borrow:
    pushq %rbp
    movq %rsp, %rbp
    pushq %rdi
    andq $-16, %rsp
    movq %rsi, %rdi
    call grove_use_loan
    movq -8(%rbp), %rdi
    xorl %esi, %esi
    leave
    jmp *jump_fcontext@GOTPCREL(%rip)
    .size grove_borrow, . - grove_borrow
)");
#endif

extern "C" [[gnu::visibility("hidden")]] void grove_use_loan(void*) noexcept;
#if defined(__x86_64__)
extern "C" boost::context::detail::transfer_t grove_borrow(boost::context::detail::transfer_t) noexcept;
#else
static boost::context::detail::transfer_t grove_borrow(boost::context::detail::transfer_t from) noexcept {
    grove_use_loan(from.data);
    return boost::context::detail::jump_fcontext(from.fctx, nullptr);
}
#endif

namespace grove::detail {

#if defined(__SSE__)
SettledFloatFlags::SettledFloatFlags() noexcept : before_{_mm_getcsr()} {
    _mm_setcsr(before_ | _MM_EXCEPT_MASK);
}
SettledFloatFlags::~SettledFloatFlags() {
    _mm_setcsr(before_);
}
#else
SettledFloatFlags::SettledFloatFlags() noexcept = default;
SettledFloatFlags::~SettledFloatFlags() = default;
#endif

ThreadSlots ThreadSlots::of_this_thread() noexcept {
    static_assert(sizeof(ExceptionState) == 2 * sizeof(void*), "the layout of __cxa_eh_globals");
    return {reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals()), &errno};
}

namespace {

/// Bytes to leave free at the top. Were all stacks to begin at the same offset in a page, the busiest lines
/// of thousands of greenlets would compete for the same few sets of the first-level cache: 13.5 ns instead
/// of 3.6 for six lines of each of 64 stacks.
std::size_t colour(StackSpan stack) noexcept {
    constexpr std::uintptr_t page = 4096;
    constexpr std::uintptr_t line = 64;
    return reinterpret_cast<std::uintptr_t>(stack.top) / page % 16 * line;
}

}  // namespace

void make_fiber(FiberRecord& fiber, void (*entry)(boost::context::detail::transfer_t)) noexcept {
#if defined(GROVE_ASAN)
    // The fiber that had this stack before left its frames' red zones behind.
    ASAN_UNPOISON_MEMORY_REGION(fiber.stack.bottom(), fiber.stack.size);
    fiber.sanitizer_fiber = nullptr;
#elif defined(GROVE_TSAN)
    const SignalsHeldBack held_back;
    fiber.sanitizer_fiber = __tsan_create_fiber(0);
#endif
    const std::size_t unused = colour(fiber.stack);
    fiber.context =
        boost::context::detail::make_fcontext(fiber.stack.top - unused, fiber.stack.size - unused, entry);
}

namespace {

struct StackLoan {
    void (*f)(void*) noexcept;
    void* data;
    FiberRecord& host;
    FiberRecord& from;
};

}  // namespace

/// On the host's stack.
extern "C" void grove_use_loan(void* argument) noexcept {
    const StackLoan& loan = *static_cast<StackLoan*>(argument);
#if defined(GROVE_ASAN)
    __sanitizer_finish_switch_fiber(loan.host.sanitizer_fiber, nullptr, nullptr);
#endif
    loan.f(loan.data);
#if defined(GROVE_ASAN)
    __sanitizer_start_switch_fiber(
        &loan.host.sanitizer_fiber, loan.from.stack.bottom(), loan.from.stack.size);
#endif
}

void run_on_stack_of(FiberRecord& host, FiberRecord& from, void (*f)(void*) noexcept, void* data) noexcept {
    StackLoan loan{.f = f, .data = data, .host = host, .from = from};
#if defined(GROVE_ASAN)
    __sanitizer_start_switch_fiber(&from.sanitizer_fiber, host.stack.bottom(), host.stack.size);
#elif defined(GROVE_TSAN)
    __tsan_switch_to_fiber(host.sanitizer_fiber, 0);
#endif
    host.context = grove_ontop_fcontext(host.context, &loan, &grove_borrow).fctx;
#if defined(GROVE_ASAN)
    __sanitizer_finish_switch_fiber(from.sanitizer_fiber, nullptr, nullptr);
#elif defined(GROVE_TSAN)
    __tsan_switch_to_fiber(from.sanitizer_fiber, 0);  // here, where TSan's record of calls is this fiber's
#endif
}

void adopt_thread([[maybe_unused]] FiberRecord& fiber) noexcept {
#if defined(GROVE_ASAN)
    pthread_attr_t attributes;
    void* bottom = nullptr;
    std::size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstack(&attributes, &bottom, &size);
        pthread_attr_destroy(&attributes);
    }
    fiber.stack = {static_cast<std::byte*>(bottom) + size, size};
#elif defined(GROVE_TSAN)
    fiber.sanitizer_fiber = __tsan_get_current_fiber();
#endif
}

void forget_fiber([[maybe_unused]] FiberRecord& fiber) noexcept {
#if defined(GROVE_TSAN)
    const SignalsHeldBack held_back;
    __tsan_destroy_fiber(fiber.sanitizer_fiber);
#endif
}

}  // namespace grove::detail
