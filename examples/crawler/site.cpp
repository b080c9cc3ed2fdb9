#include "site.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/scheme.hpp>

#include <stdexcept>

namespace {

namespace urls = boost::urls;

bool is_hex_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// Pages are written for browsers, which forgive what a URL may not contain: spaces around it, line breaks
/// and other spaces in it, characters beyond ASCII. escape: what else to percent-encode.
std::string tidied(std::string_view link, std::string_view escape) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto is_blank = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
    while (!link.empty() && is_blank(link.front())) link.remove_prefix(1);
    while (!link.empty() && is_blank(link.back())) link.remove_suffix(1);

    std::string tidy;
    for (std::size_t i = 0; i < link.size(); ++i) {
        const char c = link[i];
        if (c == '\n' || c == '\r' || c == '\t') continue;
        const bool stray =
            c == '%' && !(i + 2 < link.size() && is_hex_digit(link[i + 1]) && is_hex_digit(link[i + 2]));
        if (is_blank(c) || static_cast<unsigned char>(c) >= 0x7f || stray || escape.find(c) != escape.npos) {
            tidy += {'%', digits[static_cast<unsigned char>(c) >> 4], digits[c & 15]};
        } else {
            tidy += c;
        }
    }
    return tidy;
}

/// Resolved against base and normalised; an empty URL if that is not to be had.
urls::url resolved(const urls::url_view& base, std::string_view link) {
    urls::url absolute;
    const auto reference = urls::parse_uri_reference(link);
    if (!reference || !urls::resolve(base, *reference, absolute)) return {};
    absolute.remove_fragment();
    absolute.normalize();
    if (absolute.port() == "80" || absolute.port().empty()) absolute.remove_port();
    if (absolute.encoded_path().empty()) absolute.set_encoded_path("/");
    return absolute;
}

}  // namespace

Site::Site(std::string_view start) {
    const auto parsed = urls::parse_uri(start);
    if (!parsed || parsed->scheme_id() != urls::scheme::http || parsed->host().empty()) {
        throw std::invalid_argument{"'" + std::string{start} + "' is no URL like http://host/path"};
    }
    const urls::url url = resolved(*parsed, start);
    start_ = url.buffer();
    origin_ = std::string{url.encoded_origin()} + '/';
}

std::optional<std::string> Site::url_of(const urls::url_view& base, std::string_view link) const {
    link = link.substr(0, link.find('#'));
    auto url = resolved(base, tidied(link, "\"<>\\^`{|}"));
    // Brackets belong to IPv6 addresses, but pages write them elsewhere too.
    if (url.empty()) url = resolved(base, tidied(link, "\"<>\\^`{|}[]"));
    if (!url.buffer().starts_with(origin_)) return std::nullopt;
    return std::string{url.buffer()};
}
