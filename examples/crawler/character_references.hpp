#pragma once

#include <string>
#include <string_view>

namespace crawler {

/// The value of an attribute with its character references ("&amp;", "&#38;") resolved, as a browser does it:
/// a name without its semicolon counts only if it is one of HTML 3's and nothing of a query seems to follow.
/// What is not ASCII comes percent-encoded, as in a URL: so it means the same in a page of whatever charset.
///
/// It knows the names of HTML 4 and those of ASCII, not the two thousand, mostly mathematical ones of HTML 5.
[[nodiscard]] std::string without_references(std::string_view value);

}  // namespace crawler
