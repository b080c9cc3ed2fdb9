#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace grove::net {

/// An IPv4 or IPv6 address.
class IpAddress {
public:
    constexpr IpAddress() noexcept = default;  ///< 0.0.0.0
    static constexpr IpAddress v4(std::array<std::uint8_t, 4> bytes) noexcept;
    /// scope: the number of the network interface, for link-local addresses.
    static constexpr IpAddress v6(std::array<std::uint8_t, 16> bytes, std::uint32_t scope = 0) noexcept;
    static constexpr IpAddress loopback() noexcept { return v4({127, 0, 0, 1}); }

    /// "127.0.0.1", "::1", "fe80::1%2", "fe80::1%eth0". Throws invalid_argument.
    static IpAddress parse(std::string_view text);
    static IpAddress parse(std::string_view text, std::error_code& ec) noexcept;

    [[nodiscard]] constexpr bool is_v6() const noexcept { return v6_; }
    [[nodiscard]] constexpr bool is_loopback() const noexcept;  ///< 127.0.0.0/8 or ::1
    /// In network order; of an IPv4 address the first four.
    [[nodiscard]] constexpr const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
    [[nodiscard]] constexpr std::uint32_t scope() const noexcept { return scope_; }
    [[nodiscard]] std::string to_string() const;  ///< as RFC 5952 has it
    friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) noexcept = default;

private:
    bool v6_ = false;  // first: IPv4 before IPv6
    std::array<std::uint8_t, 16> bytes_{};
    std::uint32_t scope_ = 0;
};

/// Where a socket is, or connects to: address and port, or a Unix path.
class Endpoint {
public:
    Endpoint() = default;
    Endpoint(IpAddress ip, std::uint16_t port) noexcept : ip_{ip}, port_{port} {}
    /// A path that begins with '@' is a name in Linux's abstract namespace, not a file. One that is empty, or
    /// names a file and has a zero in it, is nowhere: std::errc::invalid_argument from what uses it.
    static Endpoint unix_path(std::string path) noexcept;

    /// "127.0.0.1:80", "[::1]:80", ":80" (any IPv4 address), "unix:/run/app.sock". Names are for
    /// net::resolve(). Throws invalid_argument.
    static Endpoint parse(std::string_view text);
    static Endpoint parse(std::string_view text, std::error_code& ec);

    [[nodiscard]] bool is_unix() const noexcept { return unix_; }
    [[nodiscard]] const IpAddress& ip() const noexcept { return ip_; }
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// Empty unless Unix; then, too, for a socket without a name.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] std::string to_string() const;  ///< what parse() takes
    friend bool operator==(const Endpoint&, const Endpoint&) = default;

private:
    IpAddress ip_;
    std::uint16_t port_ = 0;
    bool unix_ = false;
    std::string path_;
};

// ---------------------------------------------------------------------------------------------

constexpr IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) noexcept {
    IpAddress ip;
    std::copy(bytes.begin(), bytes.end(), ip.bytes_.begin());
    return ip;
}

constexpr IpAddress IpAddress::v6(std::array<std::uint8_t, 16> bytes, std::uint32_t scope) noexcept {
    IpAddress ip;
    ip.v6_ = true;
    ip.bytes_ = bytes;
    ip.scope_ = scope;
    return ip;
}

constexpr bool IpAddress::is_loopback() const noexcept {
    if (!v6_) return bytes_[0] == 127;
    return bytes_[15] == 1 &&
           std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto byte) { return byte == 0; });
}

inline Endpoint Endpoint::unix_path(std::string path) noexcept {
    Endpoint endpoint;
    endpoint.unix_ = true;
    endpoint.path_ = std::move(path);
    return endpoint;
}

}  // namespace grove::net
