#pragma once

#include <string>
#include <string_view>

namespace crawler {

[[nodiscard]] std::string sha1_base32(
    std::string_view);                               ///< "sha1:" and 32 characters, as WARC files have it
[[nodiscard]] std::string sha256(std::string_view);  ///< 32 bytes in hexadecimal
[[nodiscard]] std::string random_uuid();             ///< version 4

}  // namespace crawler
