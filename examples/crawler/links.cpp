#include "links.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>

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
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// word is in lower case.
bool is_word(std::string_view text, std::string_view word) {
    return std::ranges::equal(text, word, {}, lower);
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

/// Which attribute of which element is a link.
struct Kind {
    std::string_view element;
    std::string_view attribute;
};
constexpr std::array kinds{Kind{"a", "href"},
                           Kind{"area", "href"},
                           Kind{"frame", "src"},
                           Kind{"iframe", "src"},
                           Kind{"base", "href"}};

/// Elements whose content is text: a '<' in it opens nothing, until their own end tag comes.
constexpr std::array<std::string_view, 8> text_elements = {
    "script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"};

class TagReader {
public:
    explicit TagReader(std::string_view html) : rest_{html} {}

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
    void read_tag(std::string_view element, std::string_view wanted);
    std::string_view read_value();
    void skip_text_of(std::string_view element);
    void keep(std::string_view element, std::string_view value);

    std::string_view rest_;
    PageLinks found_;
};

/// What follows a '<'.
void TagReader::read_markup() {
    if (rest_.starts_with("!--")) return read_comment();
    if (rest_.starts_with('!') || rest_.starts_with('?')) return skip_past(">");
    const bool is_end = rest_.starts_with('/');
    if (is_end) skip(1);
    if (rest_.empty() || !is_letter(rest_[0])) return is_end ? skip_past(">") : void();

    const std::string_view element = take_until(element_ends);
    std::string_view wanted;
    for (const auto& kind : kinds) {
        if (!is_end && is_word(element, kind.element)) wanted = kind.attribute;
    }
    read_tag(element, wanted);
    if (is_end) return;
    for (const auto name : text_elements) {
        if (is_word(element, name)) skip_text_of(name);
    }
}

void TagReader::read_comment() {
    skip(3);
    if (rest_.starts_with('>')) return skip(1);
    if (rest_.starts_with("->")) return skip(2);
    const std::size_t plain = rest_.find("-->");
    const std::size_t odd = rest_.substr(0, plain).find("--!>");
    skip(odd != rest_.npos ? odd + 4 : plain == rest_.npos ? plain : plain + 3);
}

/// The attributes, to the '>' that ends the tag. The first of a name counts; a tag the page ends in does not.
void TagReader::read_tag(std::string_view element, std::string_view wanted) {
    std::optional<std::string_view> link;
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
        if (!link && !wanted.empty() && is_word(name, wanted)) link = value;
    }
    skip(1);
    if (link) keep(element, *link);
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
        return read_tag({}, {});
    }
    rest_ = {};
}

void TagReader::keep(std::string_view element, std::string_view value) {
    std::string link = without_references(value);
    if (!is_word(element, "base")) {
        found_.links.push_back(std::move(link));
    } else if (found_.base.empty()) {
        found_.base = std::move(link);
    }
}

}  // namespace

PageLinks links_of(std::string_view html) {
    return TagReader{html}.read();
}
