#include "http/target.hpp"

#include "http/access.hpp"

#include <boost/url/encode.hpp>
#include <boost/url/grammar/digit_chars.hpp>
#include <boost/url/grammar/hexdig_chars.hpp>
#include <boost/url/grammar/lut_chars.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>

namespace grove::detail {

namespace {

// Tables: every request has a Host, and a search for each of its characters would take a quarter of the time
// to parse a short one (bench parser/short_request).
/// Of a host's name, percent-encoded bytes included (RFC 3986, 3.2.2).
constexpr auto name_chars = boost::urls::unreserved_chars + boost::urls::grammar::lut_chars{"%!$&'()*+,;="};
constexpr auto address_chars = boost::urls::grammar::hexdig_chars + boost::urls::grammar::lut_chars{":."};

void remove_leading(std::string_view& text, const auto& chars) noexcept {
    text.remove_prefix(static_cast<std::size_t>(std::ranges::find_if_not(text, chars) - text.begin()));
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
        text.remove_prefix(1);
        const std::size_t length = text.size();
        remove_leading(text, address_chars);
        if (text.size() == length || !text.starts_with(']')) return false;
        text.remove_prefix(1);
    } else {
        remove_leading(text, name_chars);
    }
    if (!text.starts_with(':')) return text.empty();
    return std::ranges::all_of(text.substr(1), boost::urls::grammar::digit_chars);
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
