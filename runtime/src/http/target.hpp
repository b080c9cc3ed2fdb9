#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grove::detail {

/// Whether a request of that method may ask for that: a path, a whole URL, or what OPTIONS and CONNECT take
/// instead.
[[nodiscard]] bool is_target(std::string_view method, std::string_view target) noexcept;

/// Whether a Host field may say so: a name or an address, with a port or without. It may be empty.
[[nodiscard]] bool is_host(std::string_view) noexcept;

/// The segments of a target's path, percent-decoded: "/a%20b/c/?q" has "a b", "c" and "". Dots mean nothing
/// here. nullopt if it is no path, nor a URL with one.
[[nodiscard]] std::optional<std::vector<std::string>> path_segments(std::string_view target);

/// One segment in the form a URL wants it.
[[nodiscard]] std::string encode_segment(std::string_view);

}  // namespace grove::detail
