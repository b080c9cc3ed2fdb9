#pragma once

#include <grove/base/time.hpp>
#include <grove/net/address.hpp>

#include <chrono>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <vector>

namespace grove::net {

/// How the look-ups of a runtime are remembered.
struct DnsOptions {
    /// An answer is used again for so long; zero: every look-up asks. The system's resolver does not say how
    /// long an answer holds, so keep it short. Failures are not remembered.
    Clock::duration cache_time = std::chrono::seconds{10};
    std::size_t cache_size = 1000;  ///< hosts; beyond, the oldest answer goes
};

/// For the look-ups of this runtime from now on; also forgets what is remembered. Throws std::logic_error
/// outside of a greenlet.
void set_dns_options(const DnsOptions&);

/// The addresses of a host, in the order to try them; a literal address is returned as it is. localhost and
/// names below it are this machine, and nobody is asked (RFC 6761).
/// Runs the system resolver on a native pool of its own, of eight threads at most; greenlets that ask for the
/// same host at once share one look-up. One that outlives its deadline is left to finish there, alone; the
/// end of the runtime waits for it. On a plain thread it runs right there, however long, and nothing is
/// remembered. Throws Errc::no_such_host, errc::resource_unavailable_try_again if no name server answers,
/// which may take it many seconds to find. Blocks.
[[nodiscard]] std::vector<IpAddress> resolve(std::string_view host, Deadline = {});
[[nodiscard]] std::vector<IpAddress> resolve(std::string_view host,
                                             std::error_code& ec,
                                             Deadline = {});  ///< Blocks.

}  // namespace grove::net
