#pragma once

#include <grove/core/runtime.hpp>

namespace grove::testing {

/// Lets others run until they all wait.
inline void settle() {
    for (int i = 0; i < 10; ++i) yield();
}

}  // namespace grove::testing
