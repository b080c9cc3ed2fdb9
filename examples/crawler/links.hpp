#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace crawler {

struct Link {
    std::string to{};
    bool nofollow = false;  ///< its rel says that it is not to be followed
};

/// What a page says about others, as written there but for character references ("&amp;"), which are
/// resolved.
struct PageLinks {
    std::string base{};         ///< of <base href>; empty without one
    std::vector<Link> links{};  ///< of a, area, frame and iframe, and a refresh, in the order of the page
    std::string canonical{};    ///< of <link rel=canonical>: the name of this page among several
    std::string charset{};      ///< of a meta element
    std::string robots{};       ///< of <meta name=robots>, or of one that names our product
};

enum class Syntax {
    html,
    xml,  ///< of XHTML: an element may close itself, and there are CDATA sections
};

/// Reads the tags of a page as a browser's tokenizer does: no link is found in a comment, a script, a
/// template or another attribute's value, whatever is there, and no malformed tag ends the search. product:
/// in lower case. It builds no tree, for where a link stands does not matter (runtime/decisions/0015).
[[nodiscard]] PageLinks links_of(std::string_view html,
                                 std::string_view product = {},
                                 Syntax syntax = Syntax::html);

/// The links in UTF-8, as a browser sends them, if the page is in another known charset.
void recode(PageLinks& page, const std::string& charset);

/// The <loc> of each page, or further sitemap, in a sitemap.
[[nodiscard]] PageLinks links_of_sitemap(std::string_view xml);

/// Whether a list like "noindex, nofollow" has the word, or "none". Compares without case.
[[nodiscard]] bool has_directive(std::string_view list, std::string_view word);

}  // namespace crawler
