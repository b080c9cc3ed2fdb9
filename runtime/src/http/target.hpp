#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grove::detail {

/// The segments of a target's path, percent-decoded: "/a%20b/c/?q" has "a b", "c" and "". Dots mean nothing
/// here. nullopt if it is no path, nor a URL with one.
[[nodiscard]] std::optional<std::vector<std::string>> path_segments(std::string_view target);

/// One segment in the form a URL wants it.
[[nodiscard]] std::string encode_segment(std::string_view);

}  // namespace grove::detail
