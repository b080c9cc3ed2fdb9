#pragma once

#include <grove/base/time.hpp>
#include <grove/io/detail/close_descriptor.hpp>
#include <grove/net/address.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

namespace grove::detail {
struct ReadinessAccess;
class UdpState;
}  // namespace grove::detail

namespace grove::net {

/// One of a batch to send.
struct Datagram {
    Endpoint to{};  ///< of no meaning on a connected socket
    std::span<const std::byte> bytes{};
};

/// Room for one of a batch to receive, and what came.
struct ReceivedDatagram {
    std::span<std::byte> buffer{};
    std::size_t size = 0;    ///< bytes, from the beginning of the buffer
    bool truncated = false;  ///< it was longer than the buffer
    Endpoint from{};         ///< of a Unix socket without a name: an empty path
};

/// Datagrams, of UDP or of a Unix socket. One call, one datagram; a longer one than the buffer is cut. One
/// greenlet may send while another receives.
///
/// What the network loses is lost; a Unix socket waits instead while the receiver's queue is full, and fails
/// with errc::connection_refused if nobody receives there any more, or errc::no_such_file_or_directory.
class UdpSocket {
public:
    UdpSocket() noexcept;
    /// Receives from anybody. The file of a Unix socket is replaced if nobody receives there any more, and
    /// removed by close().
    static UdpSocket bind(const Endpoint&);
    static UdpSocket bind(const Endpoint&, std::error_code& ec);
    /// At an address of the system's choice; sends to this peer and receives from it alone. That nobody
    /// receives there (errc::connection_refused) is told by a later call; of a Unix peer, at once.
    static UdpSocket connect(const Endpoint& peer);
    static UdpSocket connect(const Endpoint& peer, std::error_code& ec);
    UdpSocket(UdpSocket&&) noexcept;
    UdpSocket& operator=(UdpSocket&&) noexcept;
    ~UdpSocket();

    /// Nothing at all is a datagram too. errc::message_size if it is too long. Blocks.
    std::size_t send_to(const Endpoint&, std::span<const std::byte>, Deadline = {});
    std::size_t send_to(const Endpoint&,
                        std::span<const std::byte>,
                        std::error_code& ec,
                        Deadline = {});                                                       ///< Blocks.
    std::pair<std::size_t, Endpoint> receive_from(std::span<std::byte> into, Deadline = {});  ///< Blocks.
    std::pair<std::size_t, Endpoint> receive_from(std::span<std::byte> into,
                                                  std::error_code& ec,
                                                  Deadline = {});

    /// The same for a connected socket, whose peer is known. errc::destination_address_required if it is
    /// not. Blocks.
    std::size_t send(std::span<const std::byte>, Deadline = {});
    std::size_t send(std::span<const std::byte>, std::error_code& ec, Deadline = {});  ///< Blocks.
    std::size_t receive(std::span<std::byte> into, Deadline = {});                     ///< Blocks.
    std::size_t receive(std::span<std::byte> into, std::error_code& ec, Deadline = {});

    /// Several with one system call: how many went out, the first ones. At least one unless there are none;
    /// an error is that of the first. At most 16 at once; the rest is for the next call. Blocks.
    std::size_t send_batch(std::span<const Datagram>, Deadline = {});
    std::size_t send_batch(std::span<const Datagram>, std::error_code& ec, Deadline = {});
    /// Those that are there, at least one, at most 16: how many. Blocks.
    std::size_t receive_batch(std::span<ReceivedDatagram>, Deadline = {});
    std::size_t receive_batch(std::span<ReceivedDatagram>, std::error_code& ec, Deadline = {});

    [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }
    [[nodiscard]] Endpoint local() const;
    [[nodiscard]] Endpoint peer() const;  ///< throws errc::not_connected if there is none

    // Options throw std::system_error: Errc::closed, or the system's reason.
    void set_broadcast(bool);
    /// Receives what is sent to this multicast group, too. The interface by number (if_nametoindex); 0: the
    /// system chooses.
    void join_group(const IpAddress& group, unsigned interface = 0);
    void leave_group(const IpAddress& group, unsigned interface = 0);
    void set_multicast_interface(unsigned interface);  ///< where what we send to a group goes out
    void set_multicast_ttl(int hops);  ///< how far what we send goes: 1, the local network, at first
    void set_multicast_loop(bool);     ///< whether this machine receives it, as at first
    /// Any other of setsockopt(2) that is an int.
    void set_option(int level, int name, int value);
    [[nodiscard]] int option(int level, int name) const;

    [[nodiscard]] int native_handle() const noexcept;  ///< -1 if closed
    /// Greenlets that wait leave with Errc::closed.
    void close() noexcept;

private:
    friend struct detail::ReadinessAccess;
    explicit UdpSocket(detail::UdpState* state) noexcept;

    std::unique_ptr<detail::UdpState, detail::CloseDescriptor> state_;
};

}  // namespace grove::net
