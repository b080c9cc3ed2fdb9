#include "character_references.hpp"

#include "text.hpp"
#include "url.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <system_error>
#include <unordered_map>

namespace crawler {

namespace {

// --- names -------------------------------------------------------------------------------------------

/// Names of characters that follow each other.
struct Run {
    std::uint32_t first;
    std::string_view names;
};

/// Of HTML 3: pages leave out their semicolons.
constexpr std::array old_names{
    Run{'"', "quot"},
    Run{'"', "QUOT"},
    Run{'&', "amp"},
    Run{'&', "AMP"},
    Run{'<', "lt"},
    Run{'<', "LT"},
    Run{'>', "gt"},
    Run{'>', "GT"},
    Run{0xa9, "COPY"},
    Run{0xae, "REG"},
    Run{0xa0,
        "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 "
        "sup3 "
        "acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc "
        "Atilde "
        "Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute "
        "Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc "
        "atilde "
        "auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute "
        "ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml"},
};

constexpr std::array names{
    Run{'\t', "Tab NewLine"},
    Run{'!', "excl"},
    Run{'#', "num dollar percnt"},
    Run{'\'', "apos lpar rpar ast plus comma"},
    Run{'.', "period sol"},
    Run{':', "colon semi"},
    Run{'=', "equals"},
    Run{'?', "quest commat"},
    Run{'[', "lsqb bsol rsqb Hat lowbar grave"},
    Run{'[', "lbrack"},
    Run{']', "rbrack"},
    Run{'{', "lcub verbar rcub"},
    Run{'{', "lbrace vert rbrace"},
    Run{0x152, "OElig oelig"},
    Run{0x160, "Scaron scaron"},
    Run{0x178, "Yuml"},
    Run{0x391, "Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota Kappa Lambda Mu Nu Xi Omicron Pi Rho"},
    Run{0x3a3, "Sigma Tau Upsilon Phi Chi Psi Omega"},
    Run{0x3b1,
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigmaf "
        "sigma "
        "tau upsilon phi chi psi omega"},
    Run{0x2002, "ensp emsp"},
    Run{0x200c, "zwnj zwj lrm rlm"},
    Run{0x2013, "ndash mdash"},
    Run{0x2018, "lsquo rsquo sbquo"},
    Run{0x201c, "ldquo rdquo bdquo"},
    Run{0x2022, "bull"},
    Run{0x2026, "hellip"},
    Run{0x20ac, "euro"},
    Run{0x2122, "trade"},
};

struct Meaning {
    std::uint32_t code;
    bool is_old;
};
using Names = std::unordered_map<std::string_view, Meaning>;

template <std::size_t N>
void add_names(Names& known, const std::array<Run, N>& runs, bool are_old) {
    for (auto [code, rest] : runs) {
        while (!rest.empty()) known.emplace(take_until(rest, ' '), Meaning{code++, are_old});
    }
}

const Names& known_names() {
    static const Names known = [] {
        Names all;
        add_names(all, old_names, true);
        add_names(all, names, false);
        return all;
    }();
    return known;
}

bool is_letter_or_digit(char c) {
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9');
}

/// The character that text begins with the name of; takes the name off. nullopt: none, or none that counts.
std::optional<std::uint32_t> take_name(std::string_view& text) {
    const auto size = std::ranges::find_if_not(text, is_letter_or_digit) - text.begin();
    const std::string_view name = text.substr(0, static_cast<std::size_t>(size));
    const auto known = known_names().find(name);
    if (known == known_names().end()) return std::nullopt;
    std::string_view rest = text.substr(name.size());
    const bool ended = rest.starts_with(';');
    // Without the semicolon "?a=1&lt=2" is a query, not a reference.
    if (!ended && (!known->second.is_old || rest.starts_with('='))) return std::nullopt;
    rest.remove_prefix(ended);
    text = rest;
    return known->second.code;
}

// --- numbers -----------------------------------------------------------------------------------------

/// What a number means: those that are no characters, or a control character that was meant for one of
/// windows-1252, something else than they say.
std::uint32_t character_of(std::uint32_t number) {
    constexpr std::uint32_t replacement = 0xfffd;
    constexpr std::array<std::uint16_t, 32> windows{
        0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,  0x2030, 0x160,
        0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178};
    if (number == 0 || number > 0x10ffff || (number >= 0xd800 && number < 0xe000)) return replacement;
    return number >= 0x80 && number < 0xa0 ? windows[number - 0x80] : number;
}

/// The same for "#38;" and "#x26;".
std::optional<std::uint32_t> take_number(std::string_view& text) {
    const bool hex = text.size() > 1 && lower(text[1]) == 'x';
    std::string_view digits = text.substr(hex ? 2 : 1);
    std::uint32_t number = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number, hex ? 16 : 10);
    if (error == std::errc::invalid_argument) return std::nullopt;
    if (error == std::errc::result_out_of_range) number = 0;
    digits.remove_prefix(static_cast<std::size_t>(end - digits.data()));
    digits.remove_prefix(digits.starts_with(';'));
    text = digits;
    return character_of(number);
}

/// Percent-encoded UTF-8, if it is not ASCII.
void append_character(std::string& text, std::uint32_t code) {
    if (code < 0x80) {
        text += static_cast<char>(code);
        return;
    }
    std::string bytes;
    const auto tail = [code](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3f)); };
    if (code < 0x800) {
        bytes = {static_cast<char>(0xc0 | code >> 6), tail(0)};
    } else if (code < 0x10000) {
        bytes = {static_cast<char>(0xe0 | code >> 12), tail(6), tail(0)};
    } else {
        bytes = {static_cast<char>(0xf0 | code >> 18), tail(12), tail(6), tail(0)};
    }
    text += escaped(bytes);
}

}  // namespace

std::string without_references(std::string_view value) {
    std::string plain;
    for (;;) {
        const std::size_t at = value.find('&');
        plain += value.substr(0, at);
        if (at == value.npos) return plain;
        value.remove_prefix(at + 1);
        if (const auto code = value.starts_with('#') ? take_number(value) : take_name(value)) {
            append_character(plain, *code);
        } else {
            plain += '&';
        }
    }
}

}  // namespace crawler
