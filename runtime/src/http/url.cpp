#include "http/url.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <charconv>

namespace grove::detail {

namespace {

constexpr std::uint16_t default_port = 80;

std::string lower_case(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    return text;
}

/// 0 if that is no port to connect to.
std::uint16_t port_of(std::string_view text) noexcept {
    if (text.empty()) return default_port;
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc{} && end == text.data() + text.size() ? port : 0;
}

}  // namespace

HttpUrl parse_http_url(std::string_view text, std::error_code& ec) {
    HttpUrl result;
    const auto parsed = boost::urls::parse_uri({text.data(), text.size()});
    ec = std::make_error_code(std::errc::invalid_argument);
    if (!parsed || parsed->encoded_host().empty() || parsed->has_userinfo()) return result;
    result.port = port_of({parsed->port().data(), parsed->port().size()});
    if (result.port == 0) return result;
    if (parsed->scheme_id() != boost::urls::scheme::http) {
        ec = std::make_error_code(std::errc::protocol_not_supported);
        return result;
    }

    result.host = lower_case(parsed->host_address());
    result.authority = lower_case(std::string{parsed->encoded_host()});
    if (result.port != default_port) result.authority.append(":").append(std::to_string(result.port));
    result.target = std::string{parsed->encoded_target()};
    if (!result.target.starts_with('/')) result.target.insert(0, 1, '/');
    ec.clear();
    return result;
}

}  // namespace grove::detail
