#pragma once

#include "page.hpp"

#include <boost/regex.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace crawler {

enum class Reach {
    host,    ///< scheme, host and port of a start page
    prefix,  ///< the directory of a start page, and below
    domain,  ///< the host of a start page and its subdomains, whatever the scheme and port
    any,     ///< the web
};

struct ScopeRules {
    Reach reach = Reach::host;
    unsigned max_depth = 1'000'000;  ///< links away from the start pages, which have depth 0
    std::size_t max_url = 2'048;     ///< bytes; longer ones are mostly a server's mistake that grows
    std::vector<std::string>
        include{};  ///< regular expressions: one of them must be found in the URL, if any
    std::vector<std::string> exclude{};  ///< none of them may
};

/// Which pages belong to a crawl.
class Scope {
public:
    /// Throws std::invalid_argument that names a regular expression that is none.
    Scope(const std::vector<std::string>& seeds, const ScopeRules&);

    [[nodiscard]] bool has(const std::string& url) const;
    [[nodiscard]] bool is_start(const std::string& url) const { return seeds_.contains(url); }
    /// Start pages are taken wherever they are.
    [[nodiscard]] bool takes(const Target& page) const {
        return is_start(page.url) || (page.depth <= rules_.max_depth && has(page.url));
    }
    [[nodiscard]] std::size_t max_url() const noexcept { return rules_.max_url; }
    [[nodiscard]] unsigned max_depth() const noexcept { return rules_.max_depth; }

private:
    [[nodiscard]] bool in_reach(std::string_view url) const;

    ScopeRules rules_;
    std::unordered_set<std::string> seeds_;
    std::vector<std::string> roots_;  // what a URL begins with, or for Reach::domain the hosts
    // Boost's: it does not recurse, and gives up instead of taking for ever.
    std::vector<boost::regex> include_;
    std::vector<boost::regex> exclude_;
};

}  // namespace crawler
