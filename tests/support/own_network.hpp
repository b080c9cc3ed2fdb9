#pragma once

#include <string>

namespace grove::testing {

/// From here on, this process has a network of its own, with nothing but lo in it, and an /etc of its own
/// with nothing in it but a resolv.conf that says this, and a root in passwd. Returns why the
/// system refuses, or "". Requires: a process made for this, of one thread (run_child).
[[nodiscard]] std::string enter_own_network(const std::string& resolv_conf);

}  // namespace grove::testing
