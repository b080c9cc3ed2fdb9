#pragma once

#include <grove/base/time.hpp>
#include <grove/net/address.hpp>

#include <string_view>
#include <system_error>
#include <vector>

namespace grove::net {

/// The addresses of a host, in the order to try them; a literal address is returned as it is.
/// Runs the system resolver on a native pool of its own. A look-up that outlives its deadline is left to
/// finish there, alone; the end of the runtime waits for it. On a plain thread it runs right there, however
/// long. Throws Errc::no_such_host. Blocks.
[[nodiscard]] std::vector<IpAddress> resolve(std::string_view host, Deadline = {});
[[nodiscard]] std::vector<IpAddress> resolve(std::string_view host,
                                             std::error_code& ec,
                                             Deadline = {});  ///< Blocks.

}  // namespace grove::net
