#pragma once

#include <utility>

namespace grove::testing {

/// Sets a flag when it is destroyed.
struct Flag {
    explicit Flag(bool& f) : flag{&f} {}
    Flag(Flag&& other) noexcept : flag{std::exchange(other.flag, nullptr)} {}
    ~Flag() {
        if (flag) *flag = true;
    }
    bool* flag;
};

}  // namespace grove::testing
