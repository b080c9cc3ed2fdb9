#pragma once

#include "io/unique_fd.hpp"

namespace grove::detail {

/// Sees to it that a child whose Process is gone leaves no zombie. In a runtime, its loop tells of the end;
/// elsewhere, and when that runtime ends first, the next look does.
void reap_later(UniqueFd pidfd) noexcept;

/// Collects those that have ended and that no runtime looks after. **Any thread.**
void reap_ended() noexcept;

}  // namespace grove::detail
