#pragma once

#include <string>
#include <system_error>

struct ssl_st;

namespace grove::detail {

/// The reason of the call of OpenSSL that has just failed on this thread. OpenSSL keeps its errors per
/// thread: nothing may switch between the call and this. Clears them.
[[nodiscard]] std::error_code tls_error() noexcept;
/// The same of a call on a connection: if the peer's certificate is the reason, why.
[[nodiscard]] std::error_code tls_error(const ssl_st&) noexcept;

/// "TLS certificate /etc/x.pem: no start line".
[[noreturn]] void throw_tls_error(const std::string& what);

}  // namespace grove::detail
