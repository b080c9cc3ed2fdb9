#pragma once

#include <cstddef>

namespace grove::detail {

/// What the C++ runtime keeps per thread about exceptions, and grove therefore per fiber (the layout of
/// __cxa_eh_globals in the Itanium ABI).
struct ExceptionState {
    void* caught = nullptr;
    unsigned uncaught = 0;
};

/// Memory a fiber runs on: [top - size, top), growing down.
struct StackSpan {
    std::byte* top = nullptr;
    std::size_t size = 0;

    [[nodiscard]] std::byte* bottom() const noexcept { return top - size; }
};

/// A flow of control that is not running: what a switch saves and restores.
struct FiberRecord {
    void* context = nullptr;  ///< where to go on; null: has not begun
    ExceptionState exceptions{};
    int saved_errno = 0;
    StackSpan stack{};
    void* sanitizer_fiber = nullptr;  ///< TSan's fiber; ASan's fake stack while switched out
};

}  // namespace grove::detail
