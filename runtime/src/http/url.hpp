#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace grove::detail {

/// As hosts compare.
[[nodiscard]] std::string lower_case(std::string ascii);

/// Where an http:// or https:// URL leads, as a client needs it.
struct HttpUrl {
    bool secure = false;
    std::string host;  ///< to connect to, in lower case; an IPv6 address is without brackets
    std::uint16_t port = 0;
    std::string authority;    ///< for the Host field: host and port, the latter unless it is the scheme's own
    std::string target;       ///< path and query; the fragment is nobody's business
    std::string credentials;  ///< "user:password", decoded; empty: none

    [[nodiscard]] bool same_origin(const HttpUrl& other) const noexcept {
        return secure == other.secure && authority == other.authority;
    }
    /// With its port, also if that is the scheme's own: for CONNECT.
    [[nodiscard]] std::string host_and_port() const;
};

/// errc::invalid_argument if it is no absolute URL with a host; errc::protocol_not_supported if its scheme is
/// neither http nor https.
[[nodiscard]] HttpUrl parse_http_url(std::string_view url, std::error_code& ec);

/// Where a response's Location leads that answered a request for `base`. The base's fragment stays, unless
/// there is another (RFC 9110, 10.2.2). errc::invalid_argument if it is no URL reference.
[[nodiscard]] std::string resolve_location(std::string_view base,
                                           std::string_view location,
                                           std::error_code& ec);

/// For messages: without "user:password@". Of what is no URL, too.
[[nodiscard]] std::string without_credentials(std::string_view url);

/// "Basic dXNlcjpwYXNz", the value of a field.
[[nodiscard]] std::string basic_credentials(std::string_view user_and_password);

}  // namespace grove::detail
