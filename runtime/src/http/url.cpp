#include "http/url.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <boost/url/url_view.hpp>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

namespace grove::detail {

namespace {

constexpr std::uint16_t default_port(bool secure) noexcept {
    return secure ? 443 : 80;
}

/// 0 if that is no port to connect to.
std::uint16_t port_of(std::string_view text, bool secure) noexcept {
    if (text.empty()) return default_port(secure);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc{} && end == text.data() + text.size() ? port : 0;
}

}  // namespace

std::string lower_case(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    return text;
}

std::string without_credentials(std::string_view url) {
    const auto scheme_end = url.find("://");
    const auto begin = scheme_end == url.npos ? 0 : scheme_end + 3;
    const auto authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
    const auto at = authority.rfind('@');
    if (at == authority.npos) return std::string{url};
    return std::string{url.substr(0, begin)}.append(url.substr(begin + at + 1));
}

std::string HttpUrl::host_and_port() const {
    if (port != default_port(secure)) return authority;
    return authority + ":" + std::to_string(port);
}

HttpUrl parse_http_url(std::string_view text, std::error_code& ec) {
    HttpUrl result;
    const auto parsed = boost::urls::parse_uri({text.data(), text.size()});
    ec = std::make_error_code(std::errc::invalid_argument);
    if (!parsed || parsed->encoded_host().empty()) return result;
    result.secure = parsed->scheme_id() == boost::urls::scheme::https;
    result.port = port_of({parsed->port().data(), parsed->port().size()}, result.secure);
    if (result.port == 0) return result;
    if (!result.secure && parsed->scheme_id() != boost::urls::scheme::http) {
        ec = std::make_error_code(std::errc::protocol_not_supported);
        return result;
    }

    result.host = lower_case(parsed->host_address());
    result.authority = lower_case(std::string{parsed->encoded_host()});
    if (result.port != default_port(result.secure))
        result.authority.append(":").append(std::to_string(result.port));
    result.target = std::string{parsed->encoded_target()};
    if (!result.target.starts_with('/')) result.target.insert(0, 1, '/');
    if (parsed->has_userinfo()) result.credentials = parsed->user() + ":" + parsed->password();
    ec.clear();
    return result;
}

std::string resolve_location(std::string_view base, std::string_view location, std::error_code& ec) {
    const auto from = boost::urls::parse_uri({base.data(), base.size()});
    const auto to = boost::urls::parse_uri_reference({location.data(), location.size()});
    boost::urls::url result;
    ec = std::make_error_code(std::errc::invalid_argument);
    if (!from || !to || !boost::urls::resolve(*from, *to, result)) return {};
    if (from->has_fragment() && !to->has_fragment()) result.set_encoded_fragment(from->encoded_fragment());
    ec.clear();
    return {result.data(), result.size()};
}

std::string basic_credentials(std::string_view user_and_password) {
    // OpenSSL ends what it writes with a zero, which takes the place of the string's own.
    std::string text((user_and_password.size() + 2) / 3 * 4, '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                    reinterpret_cast<const unsigned char*>(user_and_password.data()),
                    static_cast<int>(user_and_password.size()));
    return "Basic " + text;
}

}  // namespace grove::detail
