#include "character_references.hpp"
#include "links.hpp"
#include "text.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace crawler {

namespace {

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

PageLinks links_of_sitemap(std::string_view xml) {
    PageLinks found;
    while (take_past(xml, "<loc")) {
        if (xml.empty() || (xml[0] != '>' && !stripped(xml.substr(0, 1)).empty())) continue;
        take_until(xml, '>');
        if (auto text = take_text(xml); text && xml.starts_with("</loc")) {
            found.links.push_back({std::move(*text)});
        }
    }
    return found;
}

}  // namespace crawler
