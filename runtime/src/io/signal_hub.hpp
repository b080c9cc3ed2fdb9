#pragma once

namespace grove::detail {

/// In a child after fork(): what SignalHandlers of the parent changed is as before.
void forget_signal_handlers() noexcept;

}  // namespace grove::detail
