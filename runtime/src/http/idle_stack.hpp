#pragma once

namespace grove::detail {

/// Gives the system back what the running greenlet's stack once needed and does not now. For one that may
/// wait for minutes with little on its stack: it would keep the memory of its deepest call for so long.
/// Cost: a system call, and a page fault when the stack grows again. On a plain thread it does nothing.
void release_unused_stack() noexcept;

}  // namespace grove::detail
