#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace grove::detail {

/// "Sun, 06 Nov 1994 08:49:37 GMT"
[[nodiscard]] std::string http_date(std::time_t);
/// "06/Nov/1994:08:49:37 +0000", as access logs have it.
[[nodiscard]] std::string log_date(std::time_t);
/// In the form above, or in one of the two that RFC 9110 (5.6.7) wants to be read, too; nullopt if it is in
/// none.
[[nodiscard]] std::optional<std::time_t> parse_http_date(std::string_view);

}  // namespace grove::detail
