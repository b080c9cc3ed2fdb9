#include "links.hpp"

#include "character_references.hpp"
#include "text.hpp"

#include <array>
#include <optional>

namespace crawler {

namespace {

/// A set of characters, to look them up in.
class CharSet {
public:
    constexpr explicit CharSet(std::string_view members) {
        for (const char c : members) has_[static_cast<unsigned char>(c)] = true;
    }
    [[nodiscard]] constexpr bool has(char c) const { return has_[static_cast<unsigned char>(c)]; }

private:
    std::array<bool, 256> has_{};
};

constexpr CharSet spaces{" \t\n\f\r"};
constexpr CharSet spaces_and_slashes{" \t\n\f\r/"};
constexpr CharSet element_ends{" \t\n\f\r/>"};
constexpr CharSet attribute_ends{" \t\n\f\r/>="};
constexpr CharSet value_ends{" \t\n\f\r>"};

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// --- tags -------------------------------------------------------------------------------------------

enum class Element { other, link_by_href, link_by_src, base, head_link, meta, foreign, inert };

enum class Content {
    markup,
    text,      // a '<' in it opens nothing, until the element's own end tag comes
    the_rest,  // the same, and nothing ends it
};

struct Kind {
    std::string_view name;
    Element element = Element::other;
    Content content = Content::markup;
};
constexpr std::array kinds{Kind{"a", Element::link_by_href},
                           Kind{"area", Element::link_by_href},
                           Kind{"frame", Element::link_by_src},
                           Kind{"iframe", Element::link_by_src, Content::text},
                           Kind{"base", Element::base},
                           Kind{"link", Element::head_link},
                           Kind{"meta", Element::meta},
                           Kind{"svg", Element::foreign},
                           Kind{"math", Element::foreign},
                           Kind{"template", Element::inert},
                           Kind{"script", Element::other, Content::text},
                           Kind{"style", Element::other, Content::text},
                           Kind{"textarea", Element::other, Content::text},
                           Kind{"title", Element::other, Content::text},
                           Kind{"xmp", Element::other, Content::text},
                           Kind{"noembed", Element::other, Content::text},
                           Kind{"noframes", Element::other, Content::text},
                           Kind{"plaintext", Element::other, Content::the_rest}};
constexpr Kind other{""};

const Kind& kind_of(std::string_view name) {
    for (const auto& kind : kinds) {
        if (name.size() == kind.name.size() && is_word(name, kind.name)) return kind;
    }
    return other;
}

/// Those that may say something; the first of a name counts.
struct Attributes {
    std::optional<std::string_view> href{}, xlink{}, src{}, rel{}, name{}, content{}, http_equiv{}, charset{},
        shadow{};

    [[nodiscard]] std::optional<std::string_view>* find(std::string_view attribute) {
        if (is_word(attribute, "href")) return &href;
        if (is_word(attribute, "xlink:href")) return &xlink;
        if (is_word(attribute, "src")) return &src;
        if (is_word(attribute, "rel")) return &rel;
        if (is_word(attribute, "name")) return &name;
        if (is_word(attribute, "content")) return &content;
        if (is_word(attribute, "http-equiv")) return &http_equiv;
        if (is_word(attribute, "charset")) return &charset;
        if (is_word(attribute, "shadowrootmode")) return &shadow;
        return nullptr;
    }
};

bool has_word(std::string_view text, std::string_view word) {
    while (!text.empty()) {
        const std::size_t end = text.find_first_of(" \t\n\f\r,");
        if (is_word(text.substr(0, end), word)) return true;
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
    }
    return false;
}

std::string_view without_leading(std::string_view text, std::string_view characters) {
    return text.substr(std::min(text.find_first_not_of(characters), text.size()));
}

/// Of "5; url='next.html'" or "5; next.html" the page; empty: the same one.
std::string_view refresh_target(std::string_view content) {
    constexpr std::string_view blanks = " \t\n\f\r";
    content = without_leading(content, blanks);
    std::string_view to = without_leading(content, "0123456789.");
    if (to.size() == content.size()) return {};  // no time, no refresh
    to = without_leading(to, blanks);
    if (to.starts_with(';') || to.starts_with(',')) to.remove_prefix(1);
    to = stripped(to);
    if (is_word(to.substr(0, 3), "url")) {
        const std::string_view after = without_leading(to.substr(3), blanks);
        if (after.starts_with('=')) to = stripped(after.substr(1));
    }
    if (!to.starts_with('"') && !to.starts_with('\'')) return to;
    return to.substr(1, to.find(to[0], 1) - 1);
}

/// A start or an end tag.
struct Tag {
    Attributes attributes{};
    bool closes_itself = false;  ///< "<a/>", which HTML does not mind
    bool is_whole = false;       ///< the page does not end in it
};

class TagReader {
public:
    TagReader(std::string_view html, std::string_view product, Syntax syntax)
        : rest_{html}, product_{product}, is_xml_{syntax == Syntax::xml} {}

    PageLinks read() && {
        while (to_next_tag()) read_markup();
        return std::move(found_);
    }

private:
    void skip(std::size_t n) { rest_.remove_prefix(std::min(n, rest_.size())); }
    void skip_past(std::string_view end) {
        const std::size_t at = rest_.find(end);
        skip(at == rest_.npos ? at : at + end.size());
    }
    void skip_spaces() { take_while(spaces); }
    std::string_view take_while(const CharSet& members) {
        std::size_t size = 0;
        while (size < rest_.size() && members.has(rest_[size])) ++size;
        return take(size);
    }
    /// Takes what comes before the first of these, or all.
    std::string_view take_until(const CharSet& ends) {
        std::size_t size = 0;
        while (size < rest_.size() && !ends.has(rest_[size])) ++size;
        return take(size);
    }
    std::string_view take(std::size_t n) {
        const std::string_view taken = rest_.substr(0, n);
        skip(taken.size());
        return taken;
    }

    bool to_next_tag() {
        const std::size_t at = rest_.find('<');
        if (at == rest_.npos) return false;
        skip(at + 1);
        return true;
    }
    void read_markup();
    void read_comment();
    Tag read_tag(Element);
    std::string_view read_value();
    void enter(const Kind&, const Attributes&);
    void leave(std::string_view name);
    void skip_text_of(std::string_view element);
    void keep(Element, const Attributes&);
    void keep_link(std::optional<std::string_view> to, const Attributes&);
    void keep_meta(const Attributes&);

    std::string_view rest_;
    std::string_view product_;
    bool is_xml_;
    std::size_t foreign_ = 0;        // open svg and math elements: XML's rules hold in there
    std::vector<bool> templates_{};  // the open ones; true: what is in there is no part of the page
    std::size_t inert_ = 0;          // how many of them
    PageLinks found_{};
};

/// What follows a '<'.
void TagReader::read_markup() {
    if (rest_.starts_with("!--")) return read_comment();
    if ((is_xml_ || foreign_ > 0) && rest_.starts_with("![CDATA[")) return skip_past("]]>");
    if (rest_.starts_with('!') || rest_.starts_with('?')) return skip_past(">");
    const bool is_end = rest_.starts_with('/');
    if (is_end) skip(1);
    if (rest_.empty() || !is_letter(rest_[0])) return is_end ? skip_past(">") : void();

    const std::string_view name = take_until(element_ends);
    if (is_end) return leave(name);
    const Kind& kind = kind_of(name);
    const Tag tag = read_tag(kind.element);
    if (!tag.is_whole) return;
    if (inert_ == 0) keep(kind.element, tag.attributes);
    const bool may_close = is_xml_ || foreign_ > 0 || kind.element == Element::foreign;
    if (!may_close || !tag.closes_itself) enter(kind, tag.attributes);
}

void TagReader::read_comment() {
    skip(3);
    if (rest_.starts_with('>')) return skip(1);
    if (rest_.starts_with("->")) return skip(2);
    // Whichever end comes first; to look for each in all the rest would take a hostile page's length squared.
    for (std::size_t at = rest_.find("--"); at != rest_.npos; at = rest_.find("--", at + 1)) {
        const std::string_view after = rest_.substr(at + 2);
        if (after.starts_with('>')) return skip(at + 3);
        if (after.starts_with("!>")) return skip(at + 4);
    }
    rest_ = {};
}

/// The attributes, to the '>' that ends the tag. Those of other elements say nothing.
Tag TagReader::read_tag(Element element) {
    Tag tag;
    for (;;) {
        const std::string_view between = take_while(spaces_and_slashes);
        if (rest_.empty()) return tag;
        tag.closes_itself = between.ends_with('/');
        if (rest_[0] == '>') break;
        const std::string_view start = rest_;
        const std::size_t first = rest_[0] == '=';  // a name may begin with it
        skip(first);
        const std::string_view name = start.substr(0, first + take_until(attribute_ends).size());
        skip_spaces();
        std::string_view value;
        if (rest_.starts_with('=')) {
            skip(1);
            value = read_value();
        }
        if (element == Element::other) continue;
        if (auto* attribute = tag.attributes.find(name); attribute && !*attribute) *attribute = value;
    }
    skip(1);
    tag.is_whole = true;
    return tag;
}

std::string_view TagReader::read_value() {
    skip_spaces();
    if (rest_.empty() || rest_[0] == '>') return {};
    const char quote = rest_[0];
    if (quote != '"' && quote != '\'') return take_until(value_ends);
    skip(1);
    const std::string_view value = take(rest_.find(quote));
    skip(1);
    return value;
}

/// After the start tag of an element that has content.
void TagReader::enter(const Kind& kind, const Attributes& attributes) {
    if (kind.element == Element::foreign) ++foreign_;
    if (kind.element == Element::inert) {
        templates_.push_back(!attributes.shadow);  // a declared shadow tree is shown where it stands
        inert_ += templates_.back();
    }
    if (kind.content == Content::text) skip_text_of(kind.name);
    if (kind.content == Content::the_rest) rest_ = {};
}

void TagReader::leave(std::string_view name) {
    (void)read_tag(Element::other);
    if (foreign_ == 0 && templates_.empty()) return;
    const Element element = kind_of(name).element;
    if (element == Element::foreign && foreign_ > 0) --foreign_;
    if (element == Element::inert && !templates_.empty()) {
        inert_ -= templates_.back();
        templates_.pop_back();
    }
}

/// Past the end tag of a text element. A comment in a script may hide a whole script, whose end tag does not
/// count: "<script><!-- <script></script> --></script>".
void TagReader::skip_text_of(std::string_view element) {
    bool in_comment = false;
    bool in_hidden = false;
    while (!rest_.empty()) {
        if (take(rest_.find('<')).find("-->") != rest_.npos) in_comment = in_hidden = false;
        skip(1);
        if (element == "script" && rest_.starts_with("!--")) in_comment = true;
        const bool is_end = rest_.starts_with('/');
        const std::string_view tag = rest_.substr(is_end);
        if (!is_word(tag.substr(0, element.size()), element)) continue;
        const std::string_view after = tag.substr(element.size());
        if (after.empty() || !element_ends.has(after[0])) continue;
        if (is_end && !in_hidden) {
            rest_ = after;
            (void)read_tag(Element::other);
            return;
        }
        in_hidden = in_comment && !is_end;
    }
}

void TagReader::keep(Element element, const Attributes& attributes) {
    const auto& href = attributes.href;
    switch (element) {
        case Element::other:
        case Element::foreign:
        case Element::inert:
            return;
        case Element::link_by_href:
            return keep_link(href || foreign_ == 0 ? href : attributes.xlink, attributes);
        case Element::link_by_src:
            return keep_link(attributes.src, attributes);
        case Element::base:
            if (href && found_.base.empty()) found_.base = without_references(*href);
            return;
        case Element::head_link:
            if (href && found_.canonical.empty() && has_word(attributes.rel.value_or(""), "canonical")) {
                found_.canonical = without_references(*href);
            }
            return;
        case Element::meta:
            return keep_meta(attributes);
    }
}

void TagReader::keep_link(std::optional<std::string_view> to, const Attributes& attributes) {
    if (!to) return;
    found_.links.push_back(
        {without_references(*to), attributes.rel && has_word(*attributes.rel, "nofollow")});
}

void TagReader::keep_meta(const Attributes& attributes) {
    const std::string content = without_references(attributes.content.value_or(""));
    const std::string_view name = attributes.name.value_or("");
    const std::string_view header = attributes.http_equiv.value_or("");
    if (attributes.charset && found_.charset.empty()) found_.charset = *attributes.charset;
    if (is_word(name, "robots") || (!product_.empty() && is_word(name, product_))) {
        found_.robots.append(found_.robots.empty() ? "" : ",").append(content);
    }
    if (is_word(header, "content-type") && found_.charset.empty()) {
        if (const std::size_t at = lowered(content).find("charset="); at != content.npos) {
            found_.charset = content.substr(at + std::size("charset=") - 1);
        }
    }
    if (is_word(header, "refresh")) {
        if (const auto to = refresh_target(content); !to.empty()) found_.links.push_back({std::string{to}});
    }
}

}  // namespace

PageLinks links_of(std::string_view html, std::string_view product, Syntax syntax) {
    return TagReader{html, product, syntax}.read();
}

bool has_directive(std::string_view list, std::string_view word) {
    return has_word(list, word) || has_word(list, "none");
}

}  // namespace crawler
