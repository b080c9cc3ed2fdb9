#include "links.hpp"
#include "text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iconv.h>
#include <memory>
#include <type_traits>

// A browser sends the path of a link in UTF-8 whatever the charset of the page.

namespace crawler {

namespace {

struct CloseConverter {
    void operator()(iconv_t converter) const noexcept { ::iconv_close(converter); }
};
using Converter = std::unique_ptr<std::remove_pointer_t<iconv_t>, CloseConverter>;

bool is_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// Unchanged, if the bytes are not of the charset: it was wrong then, and they are all that is known.
std::string converted(iconv_t converter, const std::string& text) {
    std::string source = text;
    std::string result(4 * text.size(), '\0');
    char* from = source.data();
    char* to = result.data();
    std::size_t left = source.size();
    std::size_t room = result.size();
    ::iconv(converter, nullptr, nullptr, nullptr, nullptr);
    if (::iconv(converter, &from, &left, &to, &room) == static_cast<std::size_t>(-1)) return text;
    result.resize(result.size() - room);
    return result;
}

/// Browsers take ISO-8859-1 and ASCII for windows-1252 (the Encoding standard).
std::string name_of(const std::string& charset) {
    std::string name = lowered(stripped(std::string_view{charset}.substr(0, charset.find(';'))));
    std::erase_if(name, [](char c) { return c == '"' || c == '\''; });
    constexpr std::array<std::string_view, 4> latin{"iso-8859-1", "latin1", "us-ascii", "ascii"};
    return std::ranges::find(latin, name) != latin.end() ? "windows-1252" : name;
}

}  // namespace

void recode(PageLinks& page, const std::string& charset) {
    const std::string name = name_of(charset);
    if (name.empty() || name == "utf-8" || name == "utf8" || name.find('/') != name.npos) return;
    const bool plain = std::ranges::all_of(page.links, [](const Link& link) { return is_ascii(link.to); });
    if (plain && is_ascii(page.base) && is_ascii(page.canonical)) return;

    const iconv_t opened = ::iconv_open("UTF-8", name.c_str());
    if (reinterpret_cast<std::intptr_t>(opened) == -1) return;  // a charset nobody knows
    const Converter converter{opened};
    for (Link& link : page.links) link.to = converted(opened, link.to);
    page.base = converted(opened, page.base);
    page.canonical = converted(opened, page.canonical);
}

}  // namespace crawler
