#pragma once

#include <grove/net/socket.hpp>
#include <grove/net/tls.hpp>

#include "platform/os.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstddef>
#include <span>
#include <system_error>
#include <utility>

namespace grove::detail {

/// A connection, plain or under TLS. Which one is asked by a branch per call: nothing on the way of a plain
/// socket's bytes is virtual.
///
/// Invariant: one of socket_ and tls_ is open, until a handshake has failed.
class Transport {
public:
    explicit Transport(net::Socket socket) noexcept
        : fd_{socket.native_handle()}, socket_{std::move(socket)} {}
    explicit Transport(net::TlsSocket tls) noexcept
        : fd_{tls.socket().native_handle()}, tls_{std::move(tls)} {}
    Transport(Transport&&) noexcept = default;
    Transport& operator=(Transport&&) = delete;
    ~Transport() = default;

    /// The server's side of a handshake. Blocks.
    void accept_tls(const net::TlsContext& context, std::error_code& ec, Deadline by) {
        tls_ = net::TlsSocket::server(std::move(socket_), context, ec, by);
    }
    [[nodiscard]] bool secure() const noexcept { return static_cast<bool>(tls_); }

    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) {
        return tls_ ? tls_.read_some(into, ec, by) : socket_.read_some(into, ec, by);
    }
    std::size_t write_some(std::span<const std::byte> from, std::error_code& ec, Deadline by) {
        return tls_ ? tls_.write_some(from, ec, by) : socket_.write_some(from, ec, by);
    }
    /// Requires: the first piece is not empty. (TLS takes that one alone.)
    std::size_t write_some(std::span<const std::span<const std::byte>> pieces,
                           std::error_code& ec,
                           Deadline by) {
        return tls_ ? tls_.write_some(pieces.front(), ec, by) : socket_.write_some(pieces, ec, by);
    }

    /// At most so many bytes wait in the system to be sent: a thousand peers that read nothing would else
    /// fill its memory, which is all the system's sockets'. TCP only.
    void limit_unsent(int bytes) const noexcept {
        (void)os().set_option(fd_, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
    }
    /// Says that nothing more will come. Blocks.
    void finish_writing(std::error_code& ec, Deadline by) {
        ec.clear();
        if (tls_) tls_.shutdown(ec, by);
        shutdown(SHUT_WR);
    }
    /// TLS's own end, without which the peer takes what it got for cut off; of a plain socket, closing is the
    /// end. Blocks.
    void say_goodbye(Deadline by) {
        std::error_code ec;  // the peer may be gone
        if (tls_) tls_.shutdown(ec, by);
    }
    /// The next read meets the end, once what has arrived is read. Any thread, while this lives.
    void stop_reading() const noexcept { shutdown(SHUT_RD); }

    /// Whoever waits on it leaves with Errc::closed.
    void close() noexcept {
        tls_.close();
        socket_.close();
    }

    [[nodiscard]] net::Endpoint peer() const { return tls_ ? tls_.socket().peer() : socket_.peer(); }
    /// Null if it is under TLS.
    [[nodiscard]] net::Socket* plain() noexcept { return tls_ ? nullptr : &socket_; }

private:
    void shutdown(int how) const noexcept { (void)os().shutdown(fd_, how); }

    const int fd_;
    net::Socket socket_;
    net::TlsSocket tls_;
};

}  // namespace grove::detail
