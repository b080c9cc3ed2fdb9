#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grove::detail {

struct ByteRange {
    std::uint64_t first;
    std::uint64_t last;  ///< included, as the protocol has it

    [[nodiscard]] std::uint64_t size() const noexcept { return last - first + 1; }
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// What a Range field asks for of so many bytes. nullopt: of no concern (another unit; so many ranges, or so
/// much in them, that the whole is the better answer). Empty: 416, for none of them lies within, or what it
/// says makes no sense.
[[nodiscard]] std::optional<std::vector<ByteRange>> parse_ranges(std::string_view field, std::uint64_t size);

/// "bytes 0-4/10"
[[nodiscard]] std::string content_range(ByteRange, std::uint64_t size);

}  // namespace grove::detail
