#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace grove::detail {

/// A date as cookies have them: in any of the formats that servers ever used (RFC 6265, 5.1.1).
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> parse_cookie_date(
    std::string_view) noexcept;

}  // namespace grove::detail
