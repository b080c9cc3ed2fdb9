#pragma once

#include <grove/base/time.hpp>
#include <grove/io/detail/close_descriptor.hpp>
#include <grove/net/address.hpp>
#include <grove/net/udp_socket.hpp>  // UdpSocket, for who looks for it here

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace grove::detail {
class ListenerState;
struct ReadinessAccess;
class SocketState;
struct SocketAccess;
}  // namespace grove::detail

namespace grove::net {

enum class Side { read, write, both };

/// When a silent connection is asked whether its peer is still there, and given up.
struct KeepAlive {
    std::chrono::seconds idle{60};      ///< of silence before the first probe
    std::chrono::seconds interval{10};  ///< between probes
    int probes = 5;                     ///< without an answer, and the connection is broken
};

/// A connected byte stream, TCP or Unix. One greenlet may read while another writes; two readers
/// at once is Errc::concurrent_use. Satisfies ReadStream and WriteStream. TCP sends small pieces at once
/// (TCP_NODELAY): write whole messages.
class Socket {
public:
    Socket() noexcept;
    Socket(Socket&&) noexcept;
    Socket& operator=(Socket&&) noexcept;
    ~Socket();

    static Socket connect(const Endpoint&, Deadline = {});                       ///< Blocks.
    static Socket connect(const Endpoint&, std::error_code& ec, Deadline = {});  ///< Blocks.
    /// In a greenlet, tries the addresses of the host in turn, each as soon as the one before has failed or
    /// has not answered for 250 ms, and takes the first that answers (Happy Eyeballs, RFC 8305). On a plain
    /// thread one after the other, each with its share of the time. Blocks.
    static Socket connect(std::string_view host, std::uint16_t port, Deadline = {});
    static Socket connect(std::string_view host,
                          std::uint16_t port,
                          std::error_code& ec,
                          Deadline = {});  ///< Blocks.
    static std::pair<Socket, Socket> pair();
    static Socket adopt(int fd);  ///< takes it over (also if it throws) and makes it non-blocking

    /// At least one byte; 0 when the peer has finished sending. Blocks.
    std::size_t read_some(std::span<std::byte> into, Deadline = {});
    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline = {});  ///< Blocks.
    /// At least one byte. Blocks.
    std::size_t write_some(std::span<const std::byte> from, Deadline = {});
    std::size_t write_some(std::span<const std::byte> from, std::error_code& ec, Deadline = {});  ///< Blocks.
    /// The same from several places, one after the other, without joining them first. Blocks.
    std::size_t write_some(std::span<const std::span<const std::byte>> pieces, Deadline = {});
    std::size_t write_some(std::span<const std::span<const std::byte>> pieces,
                           std::error_code& ec,
                           Deadline = {});

    void shutdown(Side);
    void shutdown(Side, std::error_code& ec);
    /// Greenlets blocked on this socket leave with Errc::closed.
    void close() noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }
    [[nodiscard]] Endpoint local() const;
    [[nodiscard]] Endpoint peer() const;  ///< as it was when the connection was made

    // Options throw std::system_error: Errc::closed, or the system's reason.
    void set_no_delay(bool);
    void set_keep_alive(const std::optional<KeepAlive>&);  ///< nullopt: off, as it is at first. TCP only.
    /// Whether close() drops what is not sent yet and resets the connection (SO_LINGER of zero), instead of
    /// leaving it to the system to send it. There is no lingering: it would block the thread.
    void set_reset_on_close(bool);
    void set_receive_buffer(std::size_t bytes);  ///< in the system; it may give more, or less
    void set_send_buffer(std::size_t bytes);
    /// Any other of setsockopt(2) that is an int.
    void set_option(int level, int name, int value);
    [[nodiscard]] int option(int level, int name) const;

    /// Gives a copy of a descriptor to the process at the other end of a Unix socket, with one byte. Blocks.
    void send_descriptor(int fd, Deadline = {});
    /// The next that was sent so: the caller's to close. Errc::eof at the end, Errc::bad_message if bytes
    /// came without a descriptor. Blocks.
    [[nodiscard]] int receive_descriptor(Deadline = {});

    [[nodiscard]] int native_handle() const noexcept;  ///< -1 if closed
    [[nodiscard]] int release() noexcept;              ///< gives the descriptor away; Requires: nobody waits

private:
    friend struct detail::ReadinessAccess;
    friend struct detail::SocketAccess;
    explicit Socket(detail::SocketState* state) noexcept;

    std::unique_ptr<detail::SocketState, detail::CloseDescriptor> state_;
};

struct ListenOptions {
    int backlog = 1024;
    bool reuse_port = false;  ///< several listeners share the port, and the connections
    bool v6_only = false;     ///< a listener on :: takes no IPv4 connections
};

/// Takes connections. Several greenlets may accept: first come, first served.
class Listener {
public:
    Listener() noexcept;
    /// The port may have been in use a moment ago (SO_REUSEADDR). The file of a Unix socket is replaced if
    /// nobody listens there any more, and removed by close().
    static Listener bind(const Endpoint&, const ListenOptions& = {});
    static Listener bind(const Endpoint&, std::error_code& ec, const ListenOptions& = {});
    /// Takes over a socket that listens already, from another process for instance (also if it throws), and
    /// makes it non-blocking. Processes that share one share its connections: each is accepted once, and
    /// while one of them listens none is refused. A Unix socket's file is left to who bound it.
    static Listener adopt(int fd);
    Listener(Listener&&) noexcept;
    Listener& operator=(Listener&&) noexcept;
    ~Listener();

    /// A connection that the peer gave up before it was accepted is passed over. Blocks.
    [[nodiscard]] Socket accept(Deadline = {});
    [[nodiscard]] Socket accept(std::error_code& ec, Deadline = {});  ///< Blocks.
    [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }
    [[nodiscard]] Endpoint local() const;              ///< with the port the system chose
    [[nodiscard]] int native_handle() const noexcept;  ///< -1 if closed
    /// Gives the descriptor away, and with it the care for a Unix socket's file. Requires: nobody waits.
    [[nodiscard]] int release() noexcept;
    /// Greenlets that wait leave with Errc::closed.
    void close() noexcept;

private:
    explicit Listener(detail::ListenerState* state) noexcept;

    std::unique_ptr<detail::ListenerState, detail::CloseDescriptor> state_;
};

}  // namespace grove::net
