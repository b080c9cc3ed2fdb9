#pragma once

#include <string_view>

namespace grove::detail {

/// Of a file of that name, by its extension; "application/octet-stream" if that says nothing.
[[nodiscard]] std::string_view mime_type_of(std::string_view name) noexcept;
/// "page.html" has ".html"; empty if there is none.
[[nodiscard]] std::string_view extension_of(std::string_view name) noexcept;

}  // namespace grove::detail
