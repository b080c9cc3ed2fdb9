#include "url.hpp"

#include <grove/net/address.hpp>

#include <boost/url/parse.hpp>
#include <boost/url/scheme.hpp>

#include <algorithm>
#include <stdexcept>
#include <system_error>

namespace crawler {

namespace {

namespace urls = boost::urls;

bool is_blank(char c) {
    return static_cast<unsigned char>(c) <= ' ';
}

bool is_hex_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_web(const urls::url_view_base& url) {
    const auto scheme = url.scheme_id();
    if (scheme != urls::scheme::http && scheme != urls::scheme::https) return false;
    const std::string_view host = url.encoded_host();
    return !host.empty() && host.find('%') == host.npos;  // DNS has no such names
}

std::string_view default_port(const urls::url& url) {
    return url.scheme_id() == urls::scheme::https ? "443" : "80";
}

std::string normal(urls::url url) {
    url.remove_fragment();
    url.remove_userinfo();
    url.normalize_scheme();
    url.normalize_authority();
    url.normalize_path();  // not the query: Boost.URL 1.81 would make "a=1%262" two parameters
    if (url.port() == default_port(url) || url.port().empty()) url.remove_port();
    // ".." at the root is the root. Boost.URL 1.81 leaves it there.
    const std::string path{url.encoded_path()};
    std::string_view rest = path;
    while (rest == "/.." || rest.starts_with("/../")) rest.remove_prefix(3);
    if (rest.size() < path.size()) url.set_encoded_path(rest);
    url.set_path_absolute(true);
    std::string text{url.buffer()};
    const auto upper = [](char c) { return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c; };
    for (std::size_t i = std::min(text.find('?'), text.size()); i + 2 < text.size(); ++i) {
        if (text[i] != '%') continue;
        text[i + 1] = upper(text[i + 1]);
        text[i + 2] = upper(text[i + 2]);
    }
    return text;
}

std::size_t end_of_origin(std::string_view url) {
    return url.find('/', url.find("//") + 2);
}

}  // namespace

std::string_view trimmed(std::string_view link) {
    link = link.substr(0, link.find('#'));
    while (!link.empty() && is_blank(link.front())) link.remove_prefix(1);
    while (!link.empty() && is_blank(link.back())) link.remove_suffix(1);
    return link;
}

std::string escaped(std::string_view text, std::string_view also) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const auto byte = static_cast<unsigned char>(c);
        const bool is_code =
            c == '%' && i + 2 < text.size() && is_hex_digit(text[i + 1]) && is_hex_digit(text[i + 2]);
        if (is_blank(c) || byte >= 0x7f || (c == '%' && !is_code) || also.find(c) != also.npos) {
            result += {'%', digits[byte >> 4], digits[byte & 15]};
        } else {
            result += c;
        }
    }
    return result;
}

std::string parse_start(std::string_view text) {
    const auto url = urls::parse_uri(text);
    if (!url || !is_web(*url)) {
        throw std::invalid_argument{"'" + std::string{text} + "' is not a URL like http://host/page"};
    }
    return normal(*url);
}

std::optional<std::string> resolve(const urls::url& base, std::string_view link) {
    std::string unbroken{link};
    std::erase_if(unbroken, [](char c) { return c == '\n' || c == '\r' || c == '\t'; });
    auto text = escaped(unbroken, "\"<>\\^`{|}");
    auto reference = urls::parse_uri_reference(text);
    if (!reference) {  // brackets belong to IPv6 addresses, but pages write them elsewhere too
        text = escaped(unbroken, "\"<>\\^`{|}[]");
        reference = urls::parse_uri_reference(text);
    }
    urls::url url;
    if (!reference || !urls::resolve(base, *reference, url) || !is_web(url)) return std::nullopt;
    return normal(std::move(url));
}

std::string_view origin_of(std::string_view url) {
    return url.substr(0, end_of_origin(url));
}

std::string_view host_of(std::string_view url) {
    const std::string_view origin = origin_of(url);
    const std::string_view authority = origin.substr(origin.find("//") + 2);
    if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
    return authority.substr(0, authority.find(':'));
}

std::string_view target_of(std::string_view url) {
    return url.substr(end_of_origin(url));
}

std::string_view directory_of(std::string_view url) {
    const std::string_view path = url.substr(0, url.find('?'));
    return path.substr(0, path.rfind('/') + 1);
}

bool is_loopback(std::string_view host) {
    if (host == "localhost") return true;
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    std::error_code ec;
    const auto ip = grove::net::IpAddress::parse(host, ec);
    return !ec && ip.is_loopback();
}

}  // namespace crawler
