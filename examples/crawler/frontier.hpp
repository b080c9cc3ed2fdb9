#pragma once

#include "links.hpp"

#include <boost/url/url.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

/// The pages of a site that are known of. The site is what has the scheme, host and port of the page a crawl
/// starts from. A URL has one normal form here, without its fragment, so that each page is met once.
class Frontier {
public:
    /// Throws std::invalid_argument if start is no http URL.
    explicit Frontier(std::string_view start);

    /// The first page. It lives, as all the others, as long as the frontier.
    [[nodiscard]] const std::string& start() const noexcept { return *start_; }

    /// The pages of the site that this page's links lead to and that were not met before.
    [[nodiscard]] std::vector<const std::string*> unmet(const std::string& page, const PageLinks& links);

private:
    [[nodiscard]] bool is_of_site(const boost::urls::url& url) const noexcept;

    std::unordered_set<std::string> met_;
    const std::string* start_;
    std::string origin_;  // "http://host:port/"

    // The links seen on the pages of each directory. They mostly link to the same places in the same words,
    // and a word that was seen need not be resolved again, which takes most of a crawler's time (4 us each).
    std::unordered_map<std::string, std::unordered_set<std::string>> seen_;
};
