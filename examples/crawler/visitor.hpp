#pragma once

#include "fetch.hpp"
#include "link_resolver.hpp"
#include "page.hpp"
#include "robots_cache.hpp"
#include "scope.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

namespace crawler {

class Frontier;

struct VisitRules {
    bool obey_robots = true;       ///< robots.txt
    bool obey_nofollow = true;     ///< rel=nofollow, and nofollow and noindex of a page or its head
    bool sitemaps = false;         ///< those that robots.txt names are pages to go to
    bool skip_duplicates = false;  ///< a page whose body was met before is not kept, nor followed
    bool canonical = false;        ///< a page that names another one as the real one is not kept, but that
    unsigned max_redirects = 10;   ///< one after the other
    std::vector<std::string> types{};  ///< of what is kept: "text/html", "image/*"; none: all
};

/// What is done with one page: may it be fetched, what came, what follows from it.
class Visitor {
public:
    struct Wants {
        bool bodies = false;
        bool links = false;
    };
    Visitor(const VisitRules&, const FetchOptions&, const Scope&, Frontier&, Wants);

    struct Result {
        Visit visit{};
        bool temporary = false;             ///< it may go better later
        std::chrono::milliseconds pause{};  ///< the server wants to be left alone so long
        bool too_soon = false;              ///< it was not asked for: may_ask said no
    };
    /// may_ask(delay): whether its host may be asked now, after this delay, which robots.txt asks for.
    /// Blocks.
    using MayAsk = std::function<bool(std::chrono::milliseconds delay)>;
    [[nodiscard]] Result visit(const Page&, const MayAsk& may_ask);
    /// Some results were dropped: their links must be found again.
    void forget_links() noexcept {
        resolver_.forget();
        mapped_.clear();
    }

private:
    [[nodiscard]] bool may_fetch(Result&, const MayAsk&);
    void take_answer(Result&, Fetched);
    void take_page(Visit&);
    void take_redirect(Visit&, std::string_view location);
    void take_links(Visit&, const PageLinks&);
    void add_sitemaps(Visit&, const Robots&);
    [[nodiscard]] bool is_kept_type(const std::string& type) const;
    [[nodiscard]] std::string directives_of(const Visit&) const;

    VisitRules rules_;
    const Scope& scope_;
    Frontier& frontier_;
    Wants wants_;
    Fetcher fetcher_;
    RobotsCache robots_;
    LinkResolver resolver_;
    std::string product_;
    std::unordered_set<std::string> mapped_;  // origins whose sitemaps were added
};

}  // namespace crawler
