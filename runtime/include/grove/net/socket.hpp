#pragma once

#include <grove/base/time.hpp>
#include <grove/net/address.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

namespace grove::net {

enum class Side { read, write, both };

/// A connected byte stream, TCP or Unix. One greenlet may read while another writes; two readers
/// at once is Errc::concurrent_use. Satisfies ReadStream and WriteStream.
class Socket {
public:
    Socket() noexcept = default;
    Socket(Socket&&) noexcept;
    Socket& operator=(Socket&&) noexcept;
    ~Socket();

    static Socket connect(const Endpoint&, Deadline = {});                       ///< Blocks.
    static Socket connect(const Endpoint&, std::error_code& ec, Deadline = {});  ///< Blocks.
    /// Tries each address of the host in turn. Blocks.
    static Socket connect(std::string_view host, std::uint16_t port, Deadline = {});
    static std::pair<Socket, Socket> pair();
    static Socket adopt(int fd);  ///< takes it over and makes it non-blocking

    /// At least one byte; 0 when the peer has finished sending. Blocks.
    std::size_t read_some(std::span<std::byte> into, Deadline = {});
    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline = {});
    /// At least one byte. Blocks.
    std::size_t write_some(std::span<const std::byte> from, Deadline = {});
    std::size_t write_some(std::span<const std::byte> from, std::error_code& ec, Deadline = {});

    void shutdown(Side);
    /// Greenlets blocked on this socket leave with Errc::closed.
    void close() noexcept;

    [[nodiscard]] explicit operator bool() const noexcept;
    [[nodiscard]] Endpoint local() const;
    [[nodiscard]] Endpoint peer() const;
    void set_no_delay(bool);
    [[nodiscard]] int native_handle() const noexcept;
    [[nodiscard]] int release() noexcept;  ///< gives the descriptor away; Requires: nobody waits

private:
    std::unique_ptr<detail::Descriptor> fd_;
};

struct ListenOptions {
    int backlog = 1024;
    bool reuse_port = false;
};

class Listener {
public:
    static Listener bind(const Endpoint&, const ListenOptions& = {});
    Listener(Listener&&) noexcept;
    Listener& operator=(Listener&&) noexcept;
    ~Listener();

    [[nodiscard]] Socket accept(Deadline = {});                       ///< Blocks.
    [[nodiscard]] Socket accept(std::error_code& ec, Deadline = {});  ///< Blocks.
    [[nodiscard]] Endpoint local() const;  ///< with the port the system chose
    void close() noexcept;

private:
    std::unique_ptr<detail::Descriptor> fd_;
};

/// Datagrams. One call, one datagram; a longer one than the buffer is cut.
class UdpSocket {
public:
    static UdpSocket bind(const Endpoint&);
    UdpSocket(UdpSocket&&) noexcept;
    UdpSocket& operator=(UdpSocket&&) noexcept;
    ~UdpSocket();

    std::size_t send_to(const Endpoint&, std::span<const std::byte>, Deadline = {});          ///< Blocks.
    std::pair<std::size_t, Endpoint> receive_from(std::span<std::byte> into, Deadline = {});  ///< Blocks.
    [[nodiscard]] Endpoint local() const;
    void close() noexcept;

private:
    std::unique_ptr<detail::Descriptor> fd_;
};

}  // namespace grove::net
