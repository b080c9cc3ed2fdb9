#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace grove::detail {

/// Where an http:// URL leads, as a client needs it.
struct HttpUrl {
    std::string host;  ///< to connect to, in lower case; an IPv6 address is without brackets
    std::uint16_t port = 80;
    std::string authority;  ///< for the Host field: host and port, the latter unless it is 80
    std::string target;     ///< path and query; the fragment is nobody's business
};

/// errc::invalid_argument if it is no absolute URL with a host, or has a user in it;
/// errc::protocol_not_supported if its scheme is not http.
[[nodiscard]] HttpUrl parse_http_url(std::string_view url, std::error_code& ec);

}  // namespace grove::detail
