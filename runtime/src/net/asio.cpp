#include <grove/net/asio.hpp>

#include "net/sockaddr.hpp"

#include <algorithm>
#include <cstring>

namespace grove::detail {

namespace {

[[noreturn]] void throw_for(const net::Endpoint& endpoint, std::error_code why) {
    throw std::system_error{why, "to_asio " + endpoint.to_string()};
}

SocketAddress address_of(const net::Endpoint& endpoint) {
    std::error_code ec;
    const SocketAddress address{endpoint, ec};
    if (ec) throw_for(endpoint, ec);
    return address;
}

const std::error_code another_family = std::make_error_code(std::errc::address_family_not_supported);

}  // namespace

std::size_t write_endpoint(const net::Endpoint& endpoint, void* into, std::size_t room) {
    const SocketAddress address = address_of(endpoint);
    if (address.size() > room) throw_for(endpoint, another_family);
    std::memcpy(into, address.get(), address.size());
    return address.size();
}

net::Endpoint read_endpoint(const void* from, std::size_t size) {
    SocketAddress address;
    socklen_t& filled = *address.size_to_fill();
    filled = static_cast<socklen_t>(std::min<std::size_t>(size, filled));
    std::memcpy(address.get(), from, filled);
    return address.endpoint();
}

void require_family(const net::Endpoint& endpoint, int family) {
    if (address_of(endpoint).family() != family) throw_for(endpoint, another_family);
}

}  // namespace grove::detail
