#pragma once

#include <grove/net/socket.hpp>
#include <grove/net/tls.hpp>

#include <cstddef>
#include <span>
#include <system_error>
#include <utility>
#include <variant>

namespace grove::detail {

/// What a client's connection runs over: TCP or a Unix socket, with TLS or without.
class HttpTransport {
public:
    explicit HttpTransport(net::Socket plain) noexcept : stream_{std::move(plain)} {}
    explicit HttpTransport(net::TlsSocket secure) noexcept : stream_{std::move(secure)} {}

    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) {
        return std::visit([&](auto& stream) { return stream.read_some(into, ec, by); }, stream_);
    }
    std::size_t write_some(std::span<const std::byte> from, std::error_code& ec, Deadline by) {
        return std::visit([&](auto& stream) { return stream.write_some(from, ec, by); }, stream_);
    }
    void close() noexcept {
        std::visit([](auto& stream) { stream.close(); }, stream_);
    }

private:
    std::variant<net::Socket, net::TlsSocket> stream_;
};

}  // namespace grove::detail
