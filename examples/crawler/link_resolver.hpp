#pragma once

#include "links.hpp"
#include "scope.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace crawler {

/// From the words of links to the URLs they mean. Words, and a base, that are longer than a URL of the scope
/// may be are passed over.
class LinkResolver {
public:
    static constexpr std::size_t default_bytes = 20 << 20;

    /// most_bytes: of memory for what it has seen, about; then it begins anew.
    explicit LinkResolver(const Scope& scope, std::size_t most_bytes = default_bytes)
        : scope_{scope}, most_bytes_{most_bytes} {}

    struct Found {
        std::vector<std::string> fresh{};  ///< in scope; without most of those that it gave before
        std::vector<std::string> all{};    ///< if asked for: all there are, in scope or not
        std::size_t bytes = 0;             ///< of both; what goes beyond 128 MiB, with referrers, is dropped
    };
    struct Wants {
        bool fresh = true;      ///< false: the caller would not take them, so none counts as given
        bool nofollow = false;  ///< also links that are marked so
        bool all = false;
    };
    /// Others may run meanwhile: a page may have a million links.
    [[nodiscard]] Found resolve(const std::string& page, const PageLinks&, const Wants&);
    /// It has given nothing yet: what it gave was not taken.
    void forget() noexcept {
        seen_.clear();
        bytes_ = 0;
    }
    /// Of one link, whether in scope or not; empty: it leads nowhere.
    [[nodiscard]] std::string resolve_one(const std::string& page,
                                          const PageLinks&,
                                          std::string_view to) const;
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }  ///< of memory, about

private:
    struct Meaning {
        std::string url{};  // empty: none, or it is never needed again
        bool in_scope = false;
        bool given = false;
    };
    [[nodiscard]] bool is_too_long(std::string_view text) const { return text.size() > scope_.max_url(); }
    [[nodiscard]] std::string base_of(const std::string& page, const PageLinks&) const;
    [[nodiscard]] Meaning mean(const std::string& base, std::string_view word, const Wants&) const;
    [[nodiscard]] Meaning& remembered(const std::string& directory,
                                      const std::string& base,
                                      std::string_view word,
                                      const Wants&);
    static void take(Meaning&, const Link&, const Wants&, Found&);

    const Scope& scope_;
    std::size_t most_bytes_;
    // The links seen on the pages of each directory. They mostly link to the same places in the same words,
    // and a word that was seen need not be resolved again, which takes most of a crawler's time (4 us each).
    // Each directory has a word.
    std::unordered_map<std::string, std::unordered_map<std::string, Meaning>> seen_;
    std::size_t bytes_ = 0;
};

}  // namespace crawler
