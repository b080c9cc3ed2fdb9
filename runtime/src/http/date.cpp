#include "http/date.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <vector>

namespace grove::detail {

namespace {

constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months{
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::tm in_utc(std::time_t time) noexcept {
    std::tm t{};
    ::gmtime_r(&time, &t);
    return t;
}

/// The words and numbers in it, whatever is between them.
std::vector<std::string_view> parts_of(std::string_view text) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of(" ,-:"), text.size());
        if (end > 0) parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

/// -1 if it is none.
int number_of(std::string_view text) noexcept {
    int number = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? number : -1;
}

/// Two digits mean the past, or at most 50 years ahead (RFC 9110, 5.6.7).
int full_year(std::string_view text) {
    const int year = number_of(text);
    if (text.size() != 2 || year < 0) return year;
    const int now = in_utc(std::time(nullptr)).tm_year + 1900;
    const int guess = now / 100 * 100 + year;
    return guess > now + 50 ? guess - 100 : guess;
}

bool is_time(const std::tm& t) noexcept {
    return t.tm_year >= 0 && t.tm_mon >= 0 && t.tm_mon < 12 && t.tm_mday >= 1 && t.tm_mday <= 31 &&
           t.tm_hour >= 0 && t.tm_hour < 24 && t.tm_min >= 0 && t.tm_min < 60 && t.tm_sec >= 0 &&
           t.tm_sec <= 60;
}

}  // namespace

std::string http_date(std::time_t time) {
    const std::tm t = in_utc(time);
    std::array<char, 64> text;
    const int n = std::snprintf(text.data(),
                                text.size(),
                                "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                days[static_cast<std::size_t>(t.tm_wday)],
                                t.tm_mday,
                                months[static_cast<std::size_t>(t.tm_mon)].data(),
                                t.tm_year + 1900,
                                t.tm_hour,
                                t.tm_min,
                                t.tm_sec);
    return {text.data(), static_cast<std::size_t>(n)};
}

std::string log_date(std::time_t time) {
    const std::tm t = in_utc(time);
    std::array<char, 64> text;
    const int n = std::snprintf(text.data(),
                                text.size(),
                                "%02d/%s/%04d:%02d:%02d:%02d +0000",
                                t.tm_mday,
                                months[static_cast<std::size_t>(t.tm_mon)].data(),
                                t.tm_year + 1900,
                                t.tm_hour,
                                t.tm_min,
                                t.tm_sec);
    return {text.data(), static_cast<std::size_t>(n)};
}

std::optional<std::time_t> parse_http_date(std::string_view text) {
    // Sun, 06 Nov 1994 08:49:37 GMT · Sunday, 06-Nov-94 08:49:37 GMT · Sun Nov  6 08:49:37 1994
    const auto parts = parts_of(text);
    const bool is_asctime = parts.size() == 7;
    if (!is_asctime && (parts.size() != 8 || parts[7] != "GMT")) return std::nullopt;
    const auto month = std::ranges::find(months, parts[is_asctime ? 1 : 2]);
    if (month == months.end()) return std::nullopt;

    std::tm t{};
    t.tm_mday = number_of(parts[is_asctime ? 2 : 1]);
    t.tm_mon = static_cast<int>(month - months.begin());
    t.tm_year = full_year(parts[is_asctime ? 6 : 3]) - 1900;
    t.tm_hour = number_of(parts[is_asctime ? 3 : 4]);
    t.tm_min = number_of(parts[is_asctime ? 4 : 5]);
    t.tm_sec = number_of(parts[is_asctime ? 5 : 6]);
    if (!is_time(t)) return std::nullopt;
    return ::timegm(&t);
}

}  // namespace grove::detail
