#pragma once

#include <cstdint>

/// What the calling thread has asked of the kernel about sockets, pipes, files and events, so far. The
/// functions of the C library that grove does this with are replaced in this program by ones that count.
[[nodiscard]] std::uint64_t system_calls() noexcept;
