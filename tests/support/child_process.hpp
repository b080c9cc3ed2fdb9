#pragma once

#include <functional>
#include <string>

namespace grove::testing {

/// How a process ended, and what it wrote to stderr.
struct ChildEnd {
    int exit_code = -1;  ///< -1: it did not exit
    int signal = 0;      ///< what killed it
    std::string errors;
};

/// Runs f in a child process, which exits with 0 when f returns; for what ends the process. meanwhile gets
/// its pid.
[[nodiscard]] ChildEnd run_child(const std::function<void()>& f,
                                 const std::function<void(int)>& meanwhile = {});

}  // namespace grove::testing
