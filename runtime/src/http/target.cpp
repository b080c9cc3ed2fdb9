#include "http/target.hpp"

#include "http/access.hpp"

#include <boost/url/encode.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>

namespace grove::detail {

namespace {

constexpr std::string_view digits = "0123456789";

/// Of a host's name, percent-encoded bytes included (RFC 3986, 3.2.2).
constexpr bool is_name_char(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view{"-._~%!$&'()*+,;="}.find(c) != std::string_view::npos;
}

}  // namespace

bool is_target(std::string_view method, std::string_view target) noexcept {
    if (target.starts_with('/')) return true;
    if (method == "CONNECT") return true;
    if (target == "*") return method == "OPTIONS";
    const auto scheme_end = target.find("://");
    return scheme_end != std::string_view::npos && is_token(target.substr(0, scheme_end));
}

bool is_host(std::string_view text) noexcept {
    if (text.starts_with('[')) {
        const auto end = text.find_first_not_of("0123456789abcdefABCDEF:.", 1);
        if (end == text.npos || end == 1 || text[end] != ']') return false;
        text.remove_prefix(end + 1);
    } else {
        text.remove_prefix(
            static_cast<std::size_t>(std::ranges::find_if_not(text, is_name_char) - text.begin()));
    }
    return text.empty() || (text.front() == ':' && text.find_first_not_of(digits, 1) == text.npos);
}

std::optional<std::vector<std::string>> path_segments(std::string_view target) {
    const boost::urls::string_view text{target.data(), target.size()};
    const auto url = target.starts_with('/') ? boost::urls::parse_origin_form(text)
                                             : boost::urls::parse_absolute_uri(text);
    if (!url) return std::nullopt;
    std::vector<std::string> segments;
    for (const auto& segment : url->segments()) segments.emplace_back(segment);
    if (segments.empty()) segments.emplace_back();  // "/" and "http://host"
    return segments;
}

std::string encode_segment(std::string_view segment) {
    return boost::urls::encode({segment.data(), segment.size()}, boost::urls::unreserved_chars);
}

}  // namespace grove::detail
