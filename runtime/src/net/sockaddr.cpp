#include "net/sockaddr.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace grove::detail {

namespace {

// The system's structures are reached by copies, as their types alias each other.
template <class Address>
Address copy_of(const sockaddr& from) noexcept {
    Address address;
    std::memcpy(&address, &from, sizeof address);
    return address;
}

constexpr socklen_t path_offset = offsetof(sockaddr_un, sun_path);

}  // namespace

net::IpAddress to_ip(const sockaddr& address) noexcept {
    if (address.sa_family == AF_INET6) {
        const auto v6 = copy_of<sockaddr_in6>(address);
        std::array<std::uint8_t, 16> bytes{};
        std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
        return net::IpAddress::v6(bytes, v6.sin6_scope_id);
    }
    std::array<std::uint8_t, 4> bytes{};
    if (address.sa_family == AF_INET) {
        const auto v4 = copy_of<sockaddr_in>(address);
        std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    }
    return net::IpAddress::v4(bytes);
}

SocketAddress::SocketAddress(const net::Endpoint& endpoint, std::error_code& ec) noexcept {
    ec.clear();
    if (endpoint.is_unix()) {
        set_path(endpoint.path(), ec);
    } else {
        set_ip(endpoint);
    }
}

template <class Address>
void SocketAddress::set(const Address& address) noexcept {
    std::memcpy(&room_, &address, sizeof address);
    size_ = sizeof address;
}

void SocketAddress::set_ip(const net::Endpoint& endpoint) noexcept {
    const auto& bytes = endpoint.ip().bytes();
    if (endpoint.ip().is_v6()) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(endpoint.port());
        v6.sin6_scope_id = endpoint.ip().scope();
        std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
        set(v6);
    } else {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(endpoint.port());
        std::memcpy(&v4.sin_addr, bytes.data(), sizeof v4.sin_addr);
        set(v4);
    }
}

void SocketAddress::set_path(std::string_view path, std::error_code& ec) noexcept {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    const bool abstract = path.starts_with('@');
    if (path.empty() || (!abstract && path.find('\0') != path.npos)) {
        ec = std::make_error_code(std::errc::invalid_argument);
        return;
    }
    if (path.size() >= sizeof un.sun_path) {
        ec = std::make_error_code(std::errc::filename_too_long);
        return;
    }
    std::copy(path.begin(), path.end(), un.sun_path);
    if (abstract) un.sun_path[0] = '\0';
    set(un);
    // A file's name ends at its zero, an abstract one with the address.
    size_ = path_offset + static_cast<socklen_t>(path.size()) + (abstract ? 0 : 1);
}

net::Endpoint SocketAddress::endpoint() const {
    switch (family()) {
        case AF_INET:
            return {to_ip(*get()), ntohs(copy_of<sockaddr_in>(*get()).sin_port)};
        case AF_INET6:
            return {to_ip(*get()), ntohs(copy_of<sockaddr_in6>(*get()).sin6_port)};
        case AF_UNIX:
            break;
        default:
            return {};
    }
    const auto un = copy_of<sockaddr_un>(*get());
    const std::size_t room = std::clamp(size_, path_offset, socklen_t{sizeof un}) - path_offset;
    std::string path{un.sun_path, room};
    if (room > 0 && path[0] == '\0') {
        path[0] = '@';
    } else {
        path.resize(::strnlen(path.data(), room));
    }
    return net::Endpoint::unix_path(std::move(path));
}

}  // namespace grove::detail
