#include "http/cookie_date.hpp"

#include "http/access.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

namespace grove::detail {

namespace {

struct Parts {
    int hour = -1;
    int minute = -1;
    int second = -1;
    int day = -1;
    int month = -1;
    int year = -1;
};

/// The number a word begins with, if that has so many digits; else -1. The word loses it.
int take_number(std::string_view& word, std::size_t least, std::size_t most) noexcept {
    int number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    const auto digits = static_cast<std::size_t>(end - word.data());
    if (error != std::errc{} || number < 0 || digits < least || digits > most) return -1;
    word.remove_prefix(digits);
    return number;
}

bool take_time(Parts& parts, std::string_view word) noexcept {
    const int hour = take_number(word, 1, 2);
    if (hour < 0 || !word.starts_with(':')) return false;
    word.remove_prefix(1);
    const int minute = take_number(word, 1, 2);
    if (minute < 0 || !word.starts_with(':')) return false;
    word.remove_prefix(1);
    const int second = take_number(word, 1, 2);
    if (second < 0) return false;
    parts.hour = hour;
    parts.minute = minute;
    parts.second = second;
    return true;
}

int month_of(std::string_view word) noexcept {
    static constexpr std::array<std::string_view, 12> months{
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
    const auto same = [&](std::string_view name) { return equal_without_case(word.substr(0, 3), name); };
    const auto found = std::ranges::find_if(months, same);
    return found == months.end() ? -1 : static_cast<int>(found - months.begin()) + 1;
}

/// Each part is the first word that can be it.
void take_word(Parts& parts, std::string_view word) noexcept {
    if (parts.hour < 0 && take_time(parts, word)) return;
    if (auto rest = word; parts.day < 0 && (parts.day = take_number(rest, 1, 2)) >= 0) return;
    if (parts.month < 0 && (parts.month = month_of(word)) >= 0) return;
    if (auto rest = word; parts.year < 0) parts.year = take_number(rest, 2, 4);
}

bool is_delimiter(char c) noexcept {
    const bool in_word =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ':';
    return !in_word;
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> parse_cookie_date(std::string_view text) noexcept {
    using namespace std::chrono;
    Parts parts;
    while (!text.empty()) {
        const auto end = std::ranges::find_if(text, is_delimiter);
        const auto length = static_cast<std::size_t>(end - text.begin());
        if (length > 0) take_word(parts, text.substr(0, length));
        text.remove_prefix(std::min(length + 1, text.size()));
    }
    if (parts.year >= 70 && parts.year <= 99) parts.year += 1900;
    if (parts.year >= 0 && parts.year <= 69) parts.year += 2000;
    const year_month_day date{
        year{parts.year}, month{static_cast<unsigned>(parts.month)}, day{static_cast<unsigned>(parts.day)}};
    if (parts.year < 1601 || parts.month < 1 || parts.day < 1 || !date.ok()) return std::nullopt;
    if (parts.hour < 0 || parts.hour > 23 || parts.minute > 59 || parts.second > 59) return std::nullopt;
    // In seconds first: years far from ours do not fit the clock's nanoseconds.
    const auto since_epoch =
        sys_days{date}.time_since_epoch() + hours{parts.hour} + minutes{parts.minute} + seconds{parts.second};
    const auto least = duration_cast<seconds>(system_clock::duration::min());
    const auto most = duration_cast<seconds>(system_clock::duration::max());
    return system_clock::time_point{std::clamp<seconds>(since_epoch, least, most)};
}

}  // namespace grove::detail
