#include "http/proxy.hpp"

#include "http/access.hpp"

#include <cstdlib>
#include <initializer_list>
#include <stdexcept>
#include <system_error>

namespace grove::detail {

namespace {

std::optional<HttpUrl> parse_proxy(std::string text, const std::string& whence) {
    if (text.empty()) return std::nullopt;
    if (text.find("://") == std::string::npos) text.insert(0, "http://");
    std::error_code ec;
    HttpUrl url = parse_http_url(text, ec);
    if (ec || url.secure) {
        // Not the value: it may have a password in it.
        throw std::invalid_argument{"http: the proxy of " + whence + " is not like http://host:port"};
    }
    return url;
}

/// The first that is set and not empty, as curl has it.
std::optional<HttpUrl> from_environment(std::initializer_list<const char*> names) {
    for (const char* name : names) {
        if (const char* value = std::getenv(name); value && *value) return parse_proxy(value, name);
    }
    return std::nullopt;
}

std::string_view variable(const char* lower, const char* upper) noexcept {
    const char* value = std::getenv(lower);
    if (!value) value = std::getenv(upper);
    return value ? value : "";
}

}  // namespace

ProxyChoice::ProxyChoice(const std::optional<std::string>& option) {
    if (option) {
        plain_ = secure_ = parse_proxy(*option, "ClientOptions::proxy");
        return;
    }
    plain_ = from_environment({"http_proxy", "all_proxy", "ALL_PROXY"});
    secure_ = from_environment({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
    exempt_ = variable("no_proxy", "NO_PROXY");
}

const HttpUrl* ProxyChoice::for_url(const HttpUrl& url) const noexcept {
    const auto& proxy = url.secure ? secure_ : plain_;
    return proxy && !is_exempt(url.host) ? &*proxy : nullptr;
}

/// "example.org" stands for its subdomains, too; so does ".example.org". "*" is everything.
bool ProxyChoice::is_exempt(std::string_view host) const noexcept {
    std::string_view rest = exempt_;
    while (!rest.empty()) {
        const auto end = std::min(rest.find_first_of(", \t"), rest.size());
        std::string_view name = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (name == "*") return true;
        if (name.starts_with('.')) name.remove_prefix(1);
        if (name.empty() || name.size() > host.size()) continue;
        const auto tail = host.substr(host.size() - name.size());
        const bool at_border = tail.size() == host.size() || host[host.size() - tail.size() - 1] == '.';
        if (at_border && equal_without_case(tail, name)) return true;
    }
    return false;
}

}  // namespace grove::detail
