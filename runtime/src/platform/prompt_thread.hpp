#pragma once

namespace grove::detail {

/// The calling thread, one that works a moment and sleeps again, shall run as soon as it wakes: a running one
/// with longer slices is interrupted for it. No privilege is asked for. Where the system knows no such wish
/// (before Linux 6.12), nothing changes.
void ask_to_run_promptly() noexcept;

}  // namespace grove::detail
