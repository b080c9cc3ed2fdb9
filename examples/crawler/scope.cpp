#include "scope.hpp"

#include "url.hpp"

#include <algorithm>
#include <stdexcept>

namespace crawler {

namespace {

std::vector<boost::regex> compiled(const std::vector<std::string>& expressions) {
    std::vector<boost::regex> result;
    for (const auto& text : expressions) {
        try {
            result.emplace_back(text);
        } catch (const boost::regex_error& error) {
            throw std::invalid_argument{"'" + text + "' is not a regular expression: " + error.what()};
        }
    }
    return result;
}

/// too_hard: what is said of a URL that takes the expression too long.
bool any_found(const std::vector<boost::regex>& expressions, const std::string& url, bool too_hard) {
    return std::ranges::any_of(expressions, [&](const auto& each) {
        try {
            return boost::regex_search(url, each);
        } catch (const std::runtime_error&) {
            return too_hard;
        }
    });
}

std::string root_of(const std::string& seed, Reach reach) {
    if (reach == Reach::host) return std::string{origin_of(seed)} + '/';
    if (reach == Reach::prefix) return std::string{directory_of(seed)};
    return std::string{host_of(seed)};
}

}  // namespace

Scope::Scope(const std::vector<std::string>& seeds, const ScopeRules& rules)
    : rules_{rules},
      seeds_{seeds.begin(), seeds.end()},
      include_{compiled(rules.include)},
      exclude_{compiled(rules.exclude)} {
    for (const auto& seed : seeds) roots_.push_back(root_of(seed, rules.reach));
}

bool Scope::has(const std::string& url) const {
    if (url.size() > rules_.max_url || !in_reach(url)) return false;
    // In doubt a URL is left out, whichever expression is in doubt.
    return (include_.empty() || any_found(include_, url, false)) && !any_found(exclude_, url, true);
}

bool Scope::in_reach(std::string_view url) const {
    if (rules_.reach == Reach::any) return true;
    return std::ranges::any_of(roots_, [&](std::string_view root) {
        if (rules_.reach != Reach::domain) return url.starts_with(root);
        const std::string_view host = host_of(url);
        return host == root || (host.ends_with(root) && host[host.size() - root.size() - 1] == '.');
    });
}

}  // namespace crawler
