#include "frontier.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/scheme.hpp>

#include <stdexcept>

namespace {

namespace urls = boost::urls;

bool is_blank(char c) {
    return static_cast<unsigned char>(c) <= ' ';
}

bool is_hex_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// What a link says without its fragment and the blanks around it.
std::string_view trimmed(std::string_view link) {
    link = link.substr(0, link.find('#'));
    while (!link.empty() && is_blank(link.front())) link.remove_prefix(1);
    while (!link.empty() && is_blank(link.back())) link.remove_suffix(1);
    return link;
}

/// Pages are written for browsers, which forgive what a URL may not contain: line breaks are left out, other
/// such characters are percent-encoded, and those of `also`.
std::string escaped(std::string_view link, std::string_view also) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string text;
    for (std::size_t i = 0; i < link.size(); ++i) {
        const char c = link[i];
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n' || c == '\r' || c == '\t') continue;
        const bool is_code =
            c == '%' && i + 2 < link.size() && is_hex_digit(link[i + 1]) && is_hex_digit(link[i + 2]);
        if (is_blank(c) || byte >= 0x7f || (c == '%' && !is_code) || also.find(c) != also.npos) {
            text += {'%', digits[byte >> 4], digits[byte & 15]};
        } else {
            text += c;
        }
    }
    return text;
}

urls::url normal(urls::url url) {
    url.remove_fragment();
    url.normalize_scheme();
    url.normalize_authority();
    url.normalize_path();  // not the query: Boost.URL 1.81 would make "a=1%262" two parameters
    if (url.port() == "80" || url.port().empty()) url.remove_port();
    // ".." at the root is the root. Boost.URL 1.81 leaves it there.
    for (std::string path{url.encoded_path()}; path == "/.." || path.starts_with("/../");) {
        path.erase(0, 3);
        url.set_encoded_path(path);
    }
    url.set_path_absolute(true);
    return url;
}

std::optional<urls::url> resolved(const urls::url& base, std::string_view link) {
    auto text = escaped(link, "\"<>\\^`{|}");
    auto reference = urls::parse_uri_reference(text);
    if (!reference) {  // brackets belong to IPv6 addresses, but pages write them elsewhere too
        text = escaped(link, "\"<>\\^`{|}[]");
        reference = urls::parse_uri_reference(text);
    }
    urls::url url;
    if (!reference || !urls::resolve(base, *reference, url)) return std::nullopt;
    return normal(std::move(url));
}

}  // namespace

Frontier::Frontier(std::string_view start) {
    const auto url = urls::parse_uri(start);
    if (!url || url->scheme_id() != urls::scheme::http || url->host().empty()) {
        throw std::invalid_argument{"'" + std::string{start} + "' is not a URL like http://host/page"};
    }
    const urls::url first = normal(*url);
    start_ = &*met_.insert(first.buffer()).first;
    origin_ = std::string{first.encoded_origin()} + '/';
}

bool Frontier::is_of_site(const urls::url& url) const noexcept {
    return url.buffer().starts_with(origin_);
}

std::vector<const std::string*> Frontier::unmet(const std::string& page, const PageLinks& links) {
    urls::url base{page};
    if (!links.base.empty()) base = resolved(base, trimmed(links.base)).value_or(base);
    const std::string directory{base.buffer().substr(0, base.buffer().rfind('/') + 1)};

    std::vector<const std::string*> found;
    auto& seen = seen_[directory];
    for (const std::string& link : links.links) {
        const std::string_view text = trimmed(link);
        if (text.empty()) continue;  // this page, or the base
        // A query alone is relative to the page, not to its directory.
        if (text[0] != '?' && !seen.emplace(text).second) continue;
        const auto url = resolved(base, text);
        if (!url || !is_of_site(*url)) continue;
        if (const auto [met, is_new] = met_.insert(url->buffer()); is_new) found.push_back(&*met);
    }
    return found;
}
