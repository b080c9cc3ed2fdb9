#pragma once

#include "links.hpp"
#include "scope.hpp"

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace crawler {

/// From the words of links to the URLs they mean.
class LinkResolver {
public:
    explicit LinkResolver(const Scope& scope) : scope_{scope} {}

    struct Found {
        std::vector<std::string> fresh{};  ///< in scope; without most of those that it gave before
        std::vector<std::string> all{};    ///< if asked for: all there are, in scope or not
    };
    struct Wants {
        bool fresh = true;      ///< false: the caller would not take them, so none counts as given
        bool nofollow = false;  ///< also links that are marked so
        bool all = false;
    };
    [[nodiscard]] Found resolve(const std::string& page, const PageLinks&, const Wants&);
    /// It has given nothing yet: what it gave was not taken.
    void forget() noexcept {
        seen_.clear();
        words_ = 0;
    }
    /// Of one link, whether in scope or not; empty: it leads nowhere.
    [[nodiscard]] static std::string resolve_one(const std::string& page,
                                                 const PageLinks&,
                                                 const std::string& to);

private:
    struct Meaning {
        std::string url{};  // empty: none
        bool in_scope = false;
        bool given = false;
    };
    [[nodiscard]] Meaning mean(const std::string& base, std::string_view word) const;

    const Scope& scope_;
    // The links seen on the pages of each directory. They mostly link to the same places in the same words,
    // and a word that was seen need not be resolved again, which takes most of a crawler's time (4 us each).
    std::unordered_map<std::string, std::unordered_map<std::string, Meaning>> seen_;
    std::size_t words_ = 0;
};

}  // namespace crawler
