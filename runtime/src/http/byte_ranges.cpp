#include "http/byte_ranges.hpp"

#include "http/access.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace grove::detail {

namespace {

constexpr std::size_t most_ranges = 32;

constexpr std::uint64_t most_bytes = std::numeric_limits<std::uint64_t>::max();

std::optional<std::uint64_t> number(std::string_view text) noexcept {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range) return most_bytes;
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

enum class Sense : std::uint8_t { within, outside, none };

/// "0-4", "5-" or "-3".
Sense parse_one(std::string_view text, std::uint64_t size, ByteRange& range) noexcept {
    const auto dash = text.find('-');
    if (dash == text.npos) return Sense::none;
    const auto before = trimmed(text.substr(0, dash));
    const auto after = trimmed(text.substr(dash + 1));
    const auto first = number(before);
    const auto last = number(after);
    if ((!first && !before.empty()) || (!last && !after.empty()) || (!first && !last)) return Sense::none;
    if (!first) {
        if (*last == 0 || size == 0) return Sense::outside;
        range = {size - std::min(*last, size), size - 1};
        return Sense::within;
    }
    if (last && *last < *first) return Sense::none;
    if (*first >= size) return Sense::outside;
    range = {*first, last ? std::min(*last, size - 1) : size - 1};
    return Sense::within;
}

}  // namespace

std::optional<std::vector<ByteRange>> parse_ranges(std::string_view field, std::uint64_t size) {
    const auto equals = field.find('=');
    if (equals == field.npos || !equal_without_case(field.substr(0, equals), "bytes")) return std::nullopt;
    field.remove_prefix(equals + 1);

    std::vector<ByteRange> ranges;
    std::uint64_t total = 0;
    for (std::size_t n = 0; !field.empty(); ++n) {
        const auto text = take_until(field, ',');
        if (text.empty()) continue;
        if (n == most_ranges) return std::nullopt;
        ByteRange range{};
        const Sense sense = parse_one(text, size, range);
        if (sense == Sense::none) return std::vector<ByteRange>{};
        if (sense == Sense::outside) continue;
        ranges.push_back(range);
        total += range.size();
    }
    if (total > size) return std::nullopt;
    return ranges;
}

std::string content_range(ByteRange range, std::uint64_t size) {
    return "bytes " + std::to_string(range.first) + "-" + std::to_string(range.last) + "/" +
           std::to_string(size);
}

}  // namespace grove::detail
