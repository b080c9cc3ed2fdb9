#pragma once

#include "core/scheduler.hpp"

namespace grove::detail {

/// run(), standing on what the caller gives it: for tests.
void run_main(const RunOptions&, MainBody&, Environment);

}  // namespace grove::detail
