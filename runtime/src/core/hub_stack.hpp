#pragma once

#include <exception>
#include <type_traits>
#include <utility>

namespace grove::detail {

/// Calls f(data) on the stack of this thread's hub, if a greenlet runs.
void run_on_hub_stack(void (*f)(void*) noexcept, void* data) noexcept;

/// Calls f() on the hub's stack: for what needs a deep stack for a moment and does not wait, such as a parser
/// or a cipher; for a greenlet keeps the pages that it once touched (decisions/0023). To f it looks as if
/// no greenlet ran, so it must not wait. In the hub and on a plain thread it is an ordinary call.
/// Price: 3 ns (bench switch/hub_stack).
template <class F>
void on_hub_stack(F&& f) {
    struct Call {
        std::remove_reference_t<F>& f;
        std::exception_ptr error{};
    } call{f};
    run_on_hub_stack(
        [](void* data) noexcept {
            Call& made = *static_cast<Call*>(data);
            try {
                made.f();
            } catch (...) {  // goes on on the greenlet's stack
                made.error = std::current_exception();
            }
        },
        &call);
    if (call.error) std::rethrow_exception(std::move(call.error));
}

}  // namespace grove::detail
