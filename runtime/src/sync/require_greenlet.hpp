#pragma once

#include <grove/core/detail/greenlet_state.hpp>

#include <stdexcept>
#include <string>

namespace grove::detail {

/// For calls that change something before they wait: throws what the wait would, before that.
inline void require_greenlet(const char* what) {
    if (!running_greenlet) throw std::logic_error{std::string{what} + ": only a greenlet can wait here"};
}

}  // namespace grove::detail
