#include <grove/http/cookie_jar.hpp>

#include "http/access.hpp"
#include "http/cookie_date.hpp"
#include "http/url.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <libpsl.h>
#include <utility>

namespace grove::http {

namespace {

bool domain_matches(std::string_view host, std::string_view domain) noexcept {
    if (host == domain) return true;
    return host.size() > domain.size() && host.ends_with(domain) &&
           host[host.size() - domain.size() - 1] == '.';
}

bool path_matches(std::string_view target, std::string_view path) noexcept {
    if (!target.starts_with(path)) return false;
    return target.size() == path.size() || path.ends_with('/') || target[path.size()] == '/';
}

std::string_view path_of(std::string_view target) noexcept {
    return target.substr(0, target.find('?'));
}

/// The folder of what was asked for.
std::string default_path(std::string_view target) {
    const auto slash = path_of(target).rfind('/');
    return slash == 0 || slash == std::string_view::npos ? "/" : std::string{target.substr(0, slash)};
}

bool has_control(std::string_view text) noexcept {
    return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

/// Takes the next of what semicolons divide: its name, and its value.
std::pair<std::string_view, std::string_view> take_pair(std::string_view& rest) noexcept {
    const auto end = std::min(rest.find(';'), rest.size());
    const auto pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto equals = std::min(pair.find('='), pair.size());
    return {detail::trimmed(pair.substr(0, equals)),
            detail::trimmed(pair.substr(std::min(equals + 1, pair.size())))};
}

/// Whether the host may set a cookie for that domain; not for a public suffix, unless it is that itself.
bool may_set(const std::string& host, const std::string& domain) noexcept {
    return ::psl_is_cookie_domain_acceptable(::psl_builtin(), host.c_str(), domain.c_str()) != 0;
}

}  // namespace

void CookieJar::store(std::string_view url, std::string_view set_cookie) {
    std::error_code ec;
    const detail::HttpUrl from = detail::parse_http_url(url, ec);
    if (ec || has_control(set_cookie)) return;
    const auto [name, value] = take_pair(set_cookie);
    if (name.empty() || name.size() + value.size() > limits_.max_cookie_bytes) return;

    Cookie cookie{.name = std::string{name}, .value = std::string{value}};
    while (!set_cookie.empty()) {
        const auto [attribute, text] = take_pair(set_cookie);
        set_attribute(cookie, attribute, text);
    }
    const bool path_given = !cookie.path.empty();
    if (!path_given) cookie.path = default_path(from.target);
    if (!cookie.domain.empty()) {
        if (!may_set(from.host, cookie.domain)) return;
        cookie.host_only = ::psl_is_public_suffix(::psl_builtin(), cookie.domain.c_str()) != 0;
    } else {
        cookie.domain = from.host;
    }
    if (cookie.secure && !from.secure) return;
    if (name.starts_with("__Secure-") && !cookie.secure) return;
    if (name.starts_with("__Host-") && (!cookie.secure || !cookie.host_only || cookie.path != "/")) return;
    put(std::move(cookie));
}

void CookieJar::set_attribute(Cookie& cookie, std::string_view name, std::string_view value) const {
    if (detail::equal_without_case(name, "secure")) {
        cookie.secure = true;
    } else if (detail::equal_without_case(name, "path")) {
        cookie.path = value.starts_with('/') ? value : std::string_view{};
    } else if (detail::equal_without_case(name, "domain")) {
        cookie.domain = detail::lower_case(std::string{value.substr(value.starts_with('.') ? 1 : 0)});
    } else if (detail::equal_without_case(name, "max-age")) {
        constexpr std::int64_t longest = 400L * 24 * 3600;  // in seconds; browsers keep none longer
        std::int64_t age = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), age);
        if (end != value.data() + value.size() || error == std::errc::invalid_argument) return;
        if (error == std::errc::result_out_of_range) age = value.starts_with('-') ? 0 : longest;
        cookie.expires =
            age <= 0 ? Time::min()
                     : std::chrono::system_clock::now() + std::chrono::seconds{std::min(age, longest)};
        cookie.aged = true;
    } else if (detail::equal_without_case(name, "expires") && !cookie.aged) {
        if (const auto at = detail::parse_cookie_date(value)) cookie.expires = *at;
    }
}

void CookieJar::put(Cookie cookie) {
    const auto same = [&](const Cookie& other) {
        return other.name == cookie.name && other.domain == cookie.domain && other.path == cookie.path &&
               other.host_only == cookie.host_only;
    };
    const auto of_domain = [&](const Cookie& other) { return other.domain == cookie.domain; };
    if (const auto old = std::ranges::find_if(cookies_, same); old != cookies_.end()) {
        *old = std::move(cookie);
        return drop_expired();
    }
    drop_expired();
    const auto siblings = static_cast<std::size_t>(std::ranges::count_if(cookies_, of_domain));
    if (siblings >= limits_.max_per_domain) cookies_.erase(std::ranges::find_if(cookies_, of_domain));
    if (!cookies_.empty() && cookies_.size() >= limits_.max_cookies) cookies_.erase(cookies_.begin());
    if (cookie.expires > std::chrono::system_clock::now()) cookies_.push_back(std::move(cookie));
}

std::string CookieJar::cookies_for(std::string_view url) {
    std::error_code ec;
    const detail::HttpUrl to = detail::parse_http_url(url, ec);
    if (ec || cookies_.empty()) return {};
    drop_expired();
    std::vector<const Cookie*> chosen;
    for (const Cookie& each : cookies_) {
        const bool its_host = each.host_only ? to.host == each.domain : domain_matches(to.host, each.domain);
        if (its_host && path_matches(path_of(to.target), each.path) && (to.secure || !each.secure)) {
            chosen.push_back(&each);
        }
    }
    std::ranges::stable_sort(chosen, std::ranges::greater{}, [](const Cookie* c) { return c->path.size(); });
    std::string text;
    for (const Cookie* each : chosen) {
        if (!text.empty()) text += "; ";
        text.append(each->name).append("=").append(each->value);
    }
    return text;
}

void CookieJar::drop_expired() {
    const auto now = std::chrono::system_clock::now();
    std::erase_if(cookies_, [now](const Cookie& each) { return each.expires <= now; });
}

}  // namespace grove::http
