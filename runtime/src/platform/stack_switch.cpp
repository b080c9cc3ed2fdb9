#include "platform/stack_switch.hpp"

#include <array>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace grove::detail {

#if defined(__x86_64__) && !defined(GROVE_BOOST_CONTEXT)

namespace {

/// Whether to load the control words of floating point costs less than to see that they are the same. A Xeon
/// loads them in 2 ns, in 65 where the flags in MXCSR differ. A Zen 5 loads them in 0.3 ns, and takes 2.4 to
/// read what stmxcsr has just stored: a yield is 10 ns with the look and 7.8 without (bench switch/yield).
bool loads_control_words_quickly() noexcept {
    std::array<unsigned, 3> vendor{};
    unsigned id = 0;
    unsigned ignored = 0;
    if (__get_cpuid(0, &ignored, vendor.data(), &vendor[2], &vendor[1]) == 0) return false;
    if (std::memcmp(vendor.data(), "AuthenticAMD", sizeof vendor) != 0) return false;
    if (__get_cpuid(1, &id, &ignored, &ignored, &ignored) == 0) return false;
    const unsigned family = (id >> 8U & 0xFU) + (id >> 20U & 0xFFU);
    constexpr unsigned zen5 = 0x1A;
    return family >= zen5;
}

}  // namespace

extern "C" {
[[gnu::visibility("hidden")]] extern const bool grove_loads_control_words;
const bool grove_loads_control_words = loads_control_words_quickly();
}

// What the System V ABI has a function preserve lies where a StackPoint points to: the control words of
// floating point, which are loaded where they differ, or where that is quicker than to look; then the
// registers, and the return address. So it goes on by a return instruction, and where both flows have the
// same call chain the processor's return stack foretells the whole of it. It does for a flow that begins,
// too: nobody returns to it, so it is jumped to. Such a one has a control word that no processor has, and the
// address of its function. A flow that ends keeps nothing, so it does not look at its own control words: 4 ns
// less on a Zen 5 (bench spawn/run_join).
asm(R"(
    .text
    .globl grove_switch_stack
    .hidden grove_switch_stack
    .type grove_switch_stack, @function
    .p2align 4
grove_switch_stack:
    .cfi_startproc
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, (%rdi)
    movq %rsp, %rdx
    movq %rsi, %rsp
    cmpb $0, grove_loads_control_words(%rip)
    jne 3f
    movl (%rdx), %eax
    cmpl %eax, (%rsp)
    jne 3f
    movzwl 4(%rdx), %eax
    cmpw %ax, 4(%rsp)
    jne 3f
2:  addq $8, %rsp
    .cfi_remember_state
    .cfi_adjust_cfa_offset -8
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    ret
    .cfi_restore_state
3:  cmpw $-1, 4(%rsp)
    je 4f
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    jmp 2b
4:  movq 8(%rsp), %rax
    addq $16, %rsp
    jmp *%rax

    .globl grove_leave_stack
    .hidden grove_leave_stack
grove_leave_stack:
    movq %rdi, %rsp
    jmp 3b
    .cfi_endproc
    .size grove_switch_stack, . - grove_switch_stack

    .globl grove_call_on_stack
    .hidden grove_call_on_stack
    .type grove_call_on_stack, @function
    .p2align 4
grove_call_on_stack:
    .cfi_startproc
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    movq %rdi, %rsp
    andq $-16, %rsp
    movq %rdx, %rdi
    call *%rsi
    leave
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    ret
    .cfi_endproc
    .size grove_call_on_stack, . - grove_call_on_stack
)");

StackPoint begin_on_stack(std::byte* top, void (*entry)() noexcept) noexcept {
    struct Beginning {
        std::uint32_t mxcsr = 0;
        std::uint32_t x87_control = 0xFFFF;  // as 4(%rsp) above
        void (*entry)() noexcept = nullptr;
        void* return_address = nullptr;  // nobody called it
    } beginning{.entry = entry};
    // A function finds its return address at a multiple of 16 less 8.
    constexpr std::uintptr_t alignment = 16;
    top -= reinterpret_cast<std::uintptr_t>(top) % alignment;
    return std::memcpy(top - sizeof beginning, &beginning, sizeof beginning);
}

#else

namespace {

struct Call {
    void (*f)(void*) noexcept;
    void* data;
};

boost::context::detail::transfer_t call_and_go_back(boost::context::detail::transfer_t from) noexcept {
    const Call& call = *static_cast<Call*>(from.data);
    call.f(call.data);
    return boost::context::detail::jump_fcontext(from.fctx, nullptr);
}

}  // namespace

void call_on_stack(StackPoint& host, void (*f)(void*) noexcept, void* data) noexcept {
    Call call{.f = f, .data = data};
    host = boost::context::detail::ontop_fcontext(host, &call, &call_and_go_back).fctx;
}

#endif

}  // namespace grove::detail
