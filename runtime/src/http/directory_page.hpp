#pragma once

#include <string>
#include <string_view>

namespace grove::detail {

/// A page with a link to each name in an open directory, the first 10,000 of them. path: as the reader is to
/// see it. Throws std::system_error. Blocks.
[[nodiscard]] std::string directory_page(std::string_view path, int directory);

}  // namespace grove::detail
