#include "links.hpp"

#include "text.hpp"

#include <array>
#include <charconv>
#include <cstdint>
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
constexpr CharSet element_ends{" \t\n\f\r/>"};
constexpr CharSet attribute_ends{" \t\n\f\r/>="};
constexpr CharSet value_ends{" \t\n\f\r>"};

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_letter_or_digit(char c) {
    return is_letter(c) || (c >= '0' && c <= '9');
}

// --- character references ---------------------------------------------------------------------------

void append_utf8(std::string& text, std::uint32_t code) {
    const auto tail = [code](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3f)); };
    if (code < 0x80) {
        text += static_cast<char>(code);
    } else if (code < 0x800) {
        text += {static_cast<char>(0xc0 | code >> 6), tail(0)};
    } else if (code < 0x10000) {
        text += {static_cast<char>(0xe0 | code >> 12), tail(6), tail(0)};
    } else {
        text += {static_cast<char>(0xf0 | code >> 18), tail(12), tail(6), tail(0)};
    }
}

struct Reference {
    std::string_view name;
    std::uint32_t code;
};

/// Those that URLs are written with; of the two thousand others HTML knows, none belongs into one.
constexpr std::array references{Reference{"amp", '&'},
                                Reference{"lt", '<'},
                                Reference{"gt", '>'},
                                Reference{"quot", '"'},
                                Reference{"apos", '\''}};

/// What text, which follows an '&', stands for; takes it off text. nullopt: an '&' that means itself.
std::optional<std::uint32_t> take_reference(std::string_view& text) {
    if (text.starts_with('#')) {
        const bool hex = text.size() > 1 && lower(text[1]) == 'x';
        const std::string_view digits = text.substr(hex ? 2 : 1);
        std::uint32_t code = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
        if (error != std::errc{} || code == 0 || code > 0x10ffff) return std::nullopt;
        text = digits.substr(static_cast<std::size_t>(end - digits.data()));
        if (text.starts_with(';')) text.remove_prefix(1);
        return code;
    }
    for (const auto& [name, code] : references) {
        if (!text.starts_with(name)) continue;
        const std::string_view rest = text.substr(name.size());
        if (rest.starts_with(';')) {
            text = rest.substr(1);
            return code;
        }
        // Without the semicolon "?a=1&lt=2" is a query, not a reference.
        if (!rest.empty() && (rest[0] == '=' || is_letter_or_digit(rest[0]))) return std::nullopt;
        text = rest;
        return code;
    }
    return std::nullopt;
}

std::string without_references(std::string_view text) {
    std::string plain;
    for (;;) {
        const std::size_t at = text.find('&');
        plain += text.substr(0, at);
        if (at == text.npos) return plain;
        text.remove_prefix(at + 1);
        if (const auto code = take_reference(text)) {
            append_utf8(plain, *code);
        } else {
            plain += '&';
        }
    }
}

// --- tags -------------------------------------------------------------------------------------------

enum class Element { other, link_by_href, link_by_src, base, head_link, meta };

struct Kind {
    std::string_view name;
    Element element;
};
constexpr std::array kinds{Kind{"a", Element::link_by_href},
                           Kind{"area", Element::link_by_href},
                           Kind{"frame", Element::link_by_src},
                           Kind{"iframe", Element::link_by_src},
                           Kind{"base", Element::base},
                           Kind{"link", Element::head_link},
                           Kind{"meta", Element::meta}};

Element element_of(std::string_view name) {
    for (const auto& kind : kinds) {
        if (is_word(name, kind.name)) return kind.element;
    }
    return Element::other;
}

/// Those that may say something; the first of a name counts.
struct Attributes {
    std::optional<std::string_view> href{}, src{}, rel{}, name{}, content{}, http_equiv{}, charset{};

    [[nodiscard]] std::optional<std::string_view>* find(std::string_view attribute) {
        if (is_word(attribute, "href")) return &href;
        if (is_word(attribute, "src")) return &src;
        if (is_word(attribute, "rel")) return &rel;
        if (is_word(attribute, "name")) return &name;
        if (is_word(attribute, "content")) return &content;
        if (is_word(attribute, "http-equiv")) return &http_equiv;
        if (is_word(attribute, "charset")) return &charset;
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

/// Elements whose content is text: a '<' in it opens nothing, until their own end tag comes.
constexpr std::array<std::string_view, 8> text_elements = {
    "script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"};

class TagReader {
public:
    TagReader(std::string_view html, std::string_view product) : rest_{html}, product_{product} {}

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
    void skip_spaces_and(char other) {
        while (!rest_.empty() && (spaces.has(rest_[0]) || rest_[0] == other)) rest_.remove_prefix(1);
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
    void read_tag(Element element);
    std::string_view read_value();
    void skip_text_of(std::string_view element);
    void keep(Element element, const Attributes& attributes);
    void keep_link(std::optional<std::string_view> to, const Attributes& attributes);
    void keep_meta(const Attributes& attributes);

    std::string_view rest_;
    std::string_view product_;
    PageLinks found_;
};

/// What follows a '<'.
void TagReader::read_markup() {
    if (rest_.starts_with("!--")) return read_comment();
    if (rest_.starts_with('!') || rest_.starts_with('?')) return skip_past(">");
    const bool is_end = rest_.starts_with('/');
    if (is_end) skip(1);
    if (rest_.empty() || !is_letter(rest_[0])) return is_end ? skip_past(">") : void();

    const std::string_view name = take_until(element_ends);
    read_tag(is_end ? Element::other : element_of(name));
    if (is_end) return;
    for (const auto element : text_elements) {
        if (is_word(name, element)) skip_text_of(element);
    }
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

/// The attributes, to the '>' that ends the tag. A tag the page ends in does not count.
void TagReader::read_tag(Element element) {
    Attributes attributes;
    for (;;) {
        skip_spaces_and('/');
        if (rest_.empty()) return;
        if (rest_[0] == '>') break;
        const std::string_view start = rest_;
        const std::size_t first = rest_[0] == '=';  // a name may begin with it
        skip(first);
        const std::string_view name = start.substr(0, first + take_until(attribute_ends).size());
        skip_spaces_and(' ');
        if (!rest_.starts_with('=')) continue;
        skip(1);
        const std::string_view value = read_value();
        if (element == Element::other) continue;
        if (auto* attribute = attributes.find(name); attribute && !*attribute) *attribute = value;
    }
    skip(1);
    keep(element, attributes);
}

std::string_view TagReader::read_value() {
    skip_spaces_and(' ');
    if (rest_.empty() || rest_[0] == '>') return {};
    const char quote = rest_[0];
    if (quote != '"' && quote != '\'') return take_until(value_ends);
    skip(1);
    const std::string_view value = take(rest_.find(quote));
    skip(1);
    return value;
}

/// To the end tag of a text element, which the caller reads like any other.
void TagReader::skip_text_of(std::string_view element) {
    while (to_next_tag()) {
        if (!rest_.starts_with('/') || !is_word(rest_.substr(1, element.size()), element)) continue;
        const std::string_view after = rest_.substr(1 + element.size());
        if (!after.empty() && !spaces.has(after[0]) && after[0] != '/' && after[0] != '>') continue;
        skip(1 + element.size());
        return read_tag(Element::other);
    }
    rest_ = {};
}

void TagReader::keep(Element element, const Attributes& attributes) {
    const auto& href = attributes.href;
    switch (element) {
        case Element::other:
            return;
        case Element::link_by_href:
            return keep_link(href, attributes);
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

// --- sitemaps ---------------------------------------------------------------------------------------

/// False, and nothing is left, if it is not there.
bool take_past(std::string_view& xml, std::string_view mark) {
    const std::size_t at = xml.find(mark);
    xml.remove_prefix(at == xml.npos ? xml.size() : at + mark.size());
    return at != xml.npos;
}

/// What an element says, up to the next tag; nullopt: the sitemap ends in it.
std::optional<std::string> take_text(std::string_view& xml) {
    constexpr std::string_view literal = "<![CDATA[";
    constexpr std::string_view end = "]]>";
    const std::string_view all = xml;
    const std::string_view text = stripped(all.substr(0, all.find('<')));
    xml.remove_prefix(std::min(all.find('<'), all.size()));
    if (xml.empty()) return std::nullopt;
    if (!text.empty() || !xml.starts_with(literal)) return without_references(text);
    xml.remove_prefix(literal.size());
    const std::string_view inside = xml.substr(0, xml.find(end));
    if (!take_past(xml, end)) return std::nullopt;
    xml.remove_prefix(std::min(xml.find('<'), xml.size()));
    return std::string{stripped(inside)};
}

}  // namespace

PageLinks links_of(std::string_view html, std::string_view product) {
    return TagReader{html, product}.read();
}

PageLinks links_of_sitemap(std::string_view xml) {
    PageLinks found;
    while (take_past(xml, "<loc")) {
        if (xml.empty() || (xml[0] != '>' && !spaces.has(xml[0]))) continue;
        take_until(xml, '>');
        if (auto text = take_text(xml); text && xml.starts_with("</loc")) {
            found.links.push_back({std::move(*text)});
        }
    }
    return found;
}

bool has_directive(std::string_view list, std::string_view word) {
    return has_word(list, word) || has_word(list, "none");
}

}  // namespace crawler
