#pragma once

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

// Small things about text that several parts need.

namespace crawler {

[[nodiscard]] constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// word is in lower case.
[[nodiscard]] inline bool is_word(std::string_view text, std::string_view word) noexcept {
    return std::ranges::equal(text, word, {}, lower);
}

[[nodiscard]] inline std::string lowered(std::string_view text) {
    std::string result{text};
    std::ranges::transform(result, result.begin(), lower);
    return result;
}

/// Without the blanks around it.
[[nodiscard]] inline std::string_view stripped(std::string_view text) noexcept {
    constexpr std::string_view blanks = " \t\n\f\r";
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

/// Takes what comes before the mark off the text, and the mark; all of it, if there is none.
inline std::string_view take_until(std::string_view& text, char mark) noexcept {
    const std::size_t at = text.find(mark);
    const std::string_view taken = text.substr(0, at);
    text.remove_prefix(at == text.npos ? text.size() : at + 1);
    return taken;
}

/// The whole text as a number, or nothing.
template <class Number>
[[nodiscard]] std::optional<Number> number_in(std::string_view text) noexcept {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace crawler
