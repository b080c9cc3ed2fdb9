#include "link_resolver.hpp"

#include <grove/core/runtime.hpp>

#include "url.hpp"

#include <boost/url/url.hpp>

#include <utility>

namespace crawler {

namespace {

// More than all links of a page of 10 MiB have, unless they are short, and its URL or its base is long: then
// it would take hundreds of times its length.
constexpr std::size_t most_found = 128 << 20;

}  // namespace

std::string LinkResolver::resolve_one(const std::string& page,
                                      const PageLinks& links,
                                      std::string_view to) const {
    const std::string_view text = trimmed(to);
    if (is_too_long(text)) return {};
    return crawler::resolve(boost::urls::url{base_of(page, links)}, text).value_or("");
}

LinkResolver::Found LinkResolver::resolve(const std::string& page,
                                          const PageLinks& links,
                                          const Wants& wants) {
    const std::string base = base_of(page, links);
    const std::string directory{directory_of(base)};
    Found found;
    for (const Link& link : links.links) {
        // Each takes its URL and, as its referrer, the page's.
        if (found.bytes + found.fresh.size() * page.size() >= most_found) break;
        grove::checkpoint();  // a page may have a million
        const std::string_view text = trimmed(link.to);
        if (is_too_long(text) || (text.empty() && links.base.empty())) continue;
        if (text.empty() || text[0] == '?') {  // relative to the base itself, not to its directory
            Meaning once = mean(base, text, wants);
            take(once, link, wants, found);
        } else {
            take(remembered(directory, base, text, wants), link, wants, found);
        }
    }
    return found;
}

std::string LinkResolver::base_of(const std::string& page, const PageLinks& links) const {
    const std::string_view base = trimmed(links.base);
    if (base.empty() || is_too_long(base)) return page;
    return crawler::resolve(boost::urls::url{page}, base).value_or(page);
}

/// Its URL only if it may be asked for.
LinkResolver::Meaning LinkResolver::mean(const std::string& base,
                                         std::string_view word,
                                         const Wants& wants) const {
    auto url = crawler::resolve(boost::urls::url{base}, word);
    if (!url) return {};
    const bool in_scope = scope_.has(*url);
    if (!in_scope && !wants.all) return {};
    return {.url = std::move(*url), .in_scope = in_scope};
}

/// To be used before anything else runs, which may forget it.
LinkResolver::Meaning& LinkResolver::remembered(const std::string& directory,
                                                const std::string& base,
                                                std::string_view word,
                                                const Wants& wants) {
    constexpr std::size_t nodes = 96;  // of the maps, about
    if (bytes_ > most_bytes_) forget();
    const auto [words, is_new_directory] = seen_.try_emplace(directory);
    const auto [known, is_new] = words->second.try_emplace(std::string{word});
    if (is_new) {
        known->second = mean(base, word, wants);
        bytes_ += sizeof *known + nodes + word.size() + known->second.url.size();
    }
    if (is_new_directory) bytes_ += sizeof *words + nodes + directory.size();
    return known->second;
}

void LinkResolver::take(Meaning& meaning, const Link& link, const Wants& wants, Found& found) {
    if (meaning.url.empty()) return;
    const auto add = [&found](std::vector<std::string>& urls, std::string url) {
        found.bytes += url.size();
        urls.push_back(std::move(url));
    };
    if (wants.all) add(found.all, meaning.url);
    if (!wants.fresh) return;
    const bool wanted = meaning.in_scope && !meaning.given;
    if (wanted && link.nofollow && !wants.nofollow) return;
    meaning.given = true;
    std::string url = wants.all ? meaning.url : std::exchange(meaning.url, {});  // never needed again
    if (wanted) add(found.fresh, std::move(url));
}

}  // namespace crawler
