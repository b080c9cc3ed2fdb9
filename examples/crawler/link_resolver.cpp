#include "link_resolver.hpp"

#include "url.hpp"

#include <boost/url/url.hpp>

namespace crawler {

namespace {

constexpr std::size_t most_words = 100'000;  // some 20 MB; then it begins anew

std::string base_of(const std::string& page, const PageLinks& links) {
    if (links.base.empty()) return page;
    return resolve(boost::urls::url{page}, trimmed(links.base)).value_or(page);
}

}  // namespace

std::string LinkResolver::resolve_one(const std::string& page,
                                      const PageLinks& links,
                                      const std::string& to) {
    return crawler::resolve(boost::urls::url{base_of(page, links)}, trimmed(to)).value_or("");
}

LinkResolver::Meaning LinkResolver::mean(const std::string& base, std::string_view word) const {
    const auto url = crawler::resolve(boost::urls::url{base}, word);
    if (!url) return {};
    return {.url = *url, .in_scope = scope_.has(*url)};
}

LinkResolver::Found LinkResolver::resolve(const std::string& page,
                                          const PageLinks& links,
                                          const Wants& wants) {
    const std::string base = base_of(page, links);
    if (words_ > most_words) forget();
    auto& seen = seen_[std::string{directory_of(base)}];
    Found found;
    for (const Link& link : links.links) {
        const std::string_view text = trimmed(link.to);
        if (text.empty()) continue;  // this page, or the base
        Meaning once;                // a query alone is relative to the page, not to its directory
        Meaning* meaning = &once;
        bool is_new = true;
        if (text[0] != '?') {
            const auto [word, added] = seen.try_emplace(std::string{text});
            meaning = &word->second;
            is_new = added;
            words_ += added;
        }
        if (is_new) *meaning = mean(base, text);
        if (meaning->url.empty()) continue;
        if (wants.all) found.all.push_back(meaning->url);
        if (!wants.fresh) continue;
        const bool wanted = meaning->in_scope && !meaning->given;
        if (wanted && link.nofollow && !wants.nofollow) continue;
        if (wanted) found.fresh.push_back(meaning->url);
        meaning->given = true;
        if (!wants.all) meaning->url.clear();  // never needed again
    }
    return found;
}

}  // namespace crawler
