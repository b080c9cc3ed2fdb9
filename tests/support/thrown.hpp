#pragma once

#include <string>
#include <system_error>

// The std::system_error a call ends with, for tests of what it says.

namespace grove::testing {

/// "" if nothing was thrown.
template <class F>
std::string error_of(F f) {
    try {
        f();
    } catch (const std::system_error& error) {
        return error.what();
    }
    return "";
}

/// No error if nothing was thrown.
template <class F>
std::error_code code_of(F f) {
    try {
        f();
    } catch (const std::system_error& error) {
        return error.code();
    }
    return {};
}

}  // namespace grove::testing
