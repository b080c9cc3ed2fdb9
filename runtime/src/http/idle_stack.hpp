#pragma once

namespace grove::detail {

/// Gives the system back what the running greenlet's stack once needed and does not now. For a greenlet that may wait
/// for minutes with little on its stack: without it, each keeps the memory of its deepest call (a parsed request:
/// 4 KiB more, bench/idle_connections). Cost: a system call, and a page fault when the stack grows again. On a
/// plain thread it does nothing.
void release_unused_stack() noexcept;

}  // namespace grove::detail
