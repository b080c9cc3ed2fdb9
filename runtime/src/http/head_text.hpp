#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace grove::detail {

/// "Not Found" for 404; empty for a status without a name.
[[nodiscard]] std::string_view reason_of(int status) noexcept;

/// "404 Not Found\n": all that there is to say where a handler has not said it.
[[nodiscard]] std::string status_text(int status);

/// "HTTP/1.1 404 Not Found\r\n"
void append_status_line(std::string& out, int status);
/// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", by the system's clock. Cost: a copy, but once per second and
/// thread.
void append_date(std::string& out);
void append_field(std::string& out, std::string_view name, std::string_view value);
/// In base 10 for lengths, in base 16 for chunks.
void append_number(std::string& out, std::uint64_t number, int base = 10);

}  // namespace grove::detail
