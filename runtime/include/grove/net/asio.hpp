#pragma once

#include <grove/net/address.hpp>

#include <cstddef>

// Endpoints to and from Asio's, whose headers the caller includes: Asio's part of grove is io/asio.hpp, which
// knows nothing of addresses.

namespace grove {

namespace detail {
/// As the system writes it; gives its size. **Throws** std::system_error.
[[nodiscard]] std::size_t write_endpoint(const net::Endpoint&, void* into, std::size_t room);
[[nodiscard]] net::Endpoint read_endpoint(const void* from, std::size_t size);
/// **Throws** std::system_error(address_family_not_supported) unless it is of that one.
void require_family(const net::Endpoint&, int family);
}  // namespace detail

namespace net {

/// As Asio writes it: `to_asio<tcp::endpoint>(server.endpoint())`, and the same for udp,
/// local::stream_protocol, local::datagram_protocol, generic. **Throws**
/// std::system_error: address_family_not_supported where a path is to become an IP endpoint, or the reverse;
/// filename_too_long, past 107 bytes.
template <class AsioEndpoint>
[[nodiscard]] AsioEndpoint to_asio(const Endpoint& endpoint) {
    AsioEndpoint made;
    made.resize(detail::write_endpoint(endpoint, made.data(), made.capacity()));
    detail::require_family(endpoint, made.protocol().family());
    return made;
}

/// The reverse. An Asio endpoint of a family unknown here gives Endpoint{}.
template <class AsioEndpoint>
[[nodiscard]] Endpoint from_asio(const AsioEndpoint& endpoint) {
    return detail::read_endpoint(endpoint.data(), endpoint.size());
}

}  // namespace net
}  // namespace grove
