#pragma once

#include <grove/net/address.hpp>

#include <sys/socket.h>
#include <sys/un.h>

#include <system_error>

namespace grove::detail {

/// An endpoint in the system's own form.
class SocketAddress {
public:
    SocketAddress() noexcept = default;  ///< room for one that the system fills in
    /// ENAMETOOLONG: Unix paths have 107 bytes at most.
    SocketAddress(const net::Endpoint&, std::error_code& ec) noexcept;

    [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&room_); }
    [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&room_); }
    [[nodiscard]] socklen_t* size_to_fill() noexcept {
        size_ = sizeof room_;
        return &size_;
    }
    [[nodiscard]] socklen_t size() const noexcept { return size_; }
    [[nodiscard]] int family() const noexcept { return room_.ss_family; }
    /// An unknown family gives Endpoint{}.
    [[nodiscard]] net::Endpoint endpoint() const;

private:
    template <class Address>
    void set(const Address&) noexcept;
    void set_ip(const net::Endpoint&) noexcept;
    void set_path(std::string_view, std::error_code& ec) noexcept;

    sockaddr_storage room_{};
    socklen_t size_ = sizeof room_;
};

/// Of a node that getaddrinfo() found, for instance.
[[nodiscard]] net::IpAddress to_ip(const sockaddr&) noexcept;

}  // namespace grove::detail
