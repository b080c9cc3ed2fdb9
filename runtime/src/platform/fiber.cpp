#include "platform/fiber.hpp"

#include <cerrno>
#include <cstdint>
#include <cxxabi.h>
#include <pthread.h>

#if defined(__SSE__)
#include <xmmintrin.h>
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

StackSpan prepare_fiber(FiberRecord& fiber) noexcept {
#if defined(GROVE_ASAN)
    // The fiber that had this stack before left its frames' red zones behind.
    ASAN_UNPOISON_MEMORY_REGION(fiber.stack.bottom(), fiber.stack.size);
    fiber.sanitizer_fiber = nullptr;
#elif defined(GROVE_TSAN)
    const SignalsHeldBack held_back;
    fiber.sanitizer_fiber = __tsan_create_fiber(0);
#endif
    const std::size_t unused = colour(fiber.stack);
    return {fiber.stack.top - unused, fiber.stack.size - unused};
}

namespace {

struct StackLoan {
    void (*f)(void*) noexcept;
    void* data;
    FiberRecord& host;
    FiberRecord& from;
};

// On the host's stack.
void use_loan(void* argument) noexcept {
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

}  // namespace

void run_on_stack_of(FiberRecord& host, FiberRecord& from, void (*f)(void*) noexcept, void* data) noexcept {
    StackLoan loan{.f = f, .data = data, .host = host, .from = from};
#if defined(GROVE_ASAN)
    __sanitizer_start_switch_fiber(&from.sanitizer_fiber, host.stack.bottom(), host.stack.size);
#elif defined(GROVE_TSAN)
    __tsan_switch_to_fiber(host.sanitizer_fiber, 0);
#endif
    call_on_stack(host.context, &use_loan, &loan);
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
