#include <grove/net/udp_socket.hpp>

#include "net/socket_state.hpp"
#include "net/udp_state.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace grove {

namespace detail {

namespace {

/// The datagrams of a batch in the system's form. So many that they fit on a greenlet's stack, whose frames
/// stay below 4 KiB; more at once gain little (bench udp/batch).
class Batch {
public:
    static constexpr std::size_t most = 16;

    Batch() noexcept = default;
    Batch(const Batch&) = delete;  // messages_ points to the others
    Batch& operator=(const Batch&) = delete;

    /// Room for one.
    void add(std::span<std::byte> buffer) noexcept {
        SocketAddress& address = addresses_[count_];
        add(buffer.data(), buffer.size(), address.get(), *address.size_to_fill());
    }
    /// One to send; the socket knows where to.
    void add(std::span<const std::byte> bytes) noexcept {
        add(const_cast<std::byte*>(bytes.data()), bytes.size(), nullptr, 0);
    }
    void add(std::span<const std::byte> bytes, const net::Endpoint& to, std::error_code& ec) noexcept {
        SocketAddress& address = addresses_[count_] = SocketAddress{to, ec};
        if (!ec) add(const_cast<std::byte*>(bytes.data()), bytes.size(), address.get(), address.size());
    }

    [[nodiscard]] mmsghdr* get() noexcept { return messages_.data(); }
    [[nodiscard]] unsigned count() const noexcept { return static_cast<unsigned>(count_); }

    void copy_to(net::ReceivedDatagram& received, std::size_t i) {
        const mmsghdr& message = messages_[i];
        received.size = message.msg_len;
        received.truncated = (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
        *addresses_[i].size_to_fill() = message.msg_hdr.msg_namelen;
        received.from = addresses_[i].endpoint();
    }

private:
    void add(std::byte* data, std::size_t size, sockaddr* address, socklen_t address_size) noexcept {
        parts_[count_] = {.iov_base = data, .iov_len = size};
        msghdr& header = messages_[count_].msg_hdr;
        header = {};
        header.msg_name = address;
        header.msg_namelen = address_size;
        header.msg_iov = &parts_[count_];
        header.msg_iovlen = 1;
        ++count_;
    }

    std::array<mmsghdr, most> messages_;
    std::array<iovec, most> parts_;
    std::array<SocketAddress, most> addresses_;
    std::size_t count_ = 0;
};

}  // namespace
}  // namespace detail

namespace net {

using detail::os;

std::size_t UdpSocket::send_batch(std::span<const Datagram> datagrams, std::error_code& ec, Deadline by) {
    if (datagrams.empty()) return ec.clear(), 0;
    if (!state_) return detail::closed(ec);
    detail::Batch batch;
    ec.clear();
    for (const Datagram& datagram : datagrams.first(std::min(datagrams.size(), batch.most))) {
        state_->peer() ? batch.add(datagram.bytes) : batch.add(datagram.bytes, datagram.to, ec);
        if (ec) break;
    }
    if (batch.count() == 0) return 0;  // what is wrong with a later one, the next call will say
    const auto send = [&batch](int fd) noexcept -> ssize_t {
        return os().send_batch(fd, batch.get(), batch.count());
    };
    return state_->send("UdpSocket::send_batch", send, ec, by);
}

std::size_t UdpSocket::send_batch(std::span<const Datagram> datagrams, Deadline by) {
    std::error_code ec;
    const std::size_t n = send_batch(datagrams, ec, by);
    if (ec && ec != Errc::closed && !state_->peer()) {
        detail::throw_failed("send_batch", datagrams.front().to.to_string(), ec);
    }
    if (ec) detail::throw_failed_with_peer("send_batch", state_, ec);
    return n;
}

std::size_t UdpSocket::receive_batch(std::span<ReceivedDatagram> into, std::error_code& ec, Deadline by) {
    if (into.empty()) return ec.clear(), 0;
    if (!state_) return detail::closed(ec);
    detail::Batch batch;
    for (ReceivedDatagram& room : into.first(std::min(into.size(), batch.most))) batch.add(room.buffer);
    const detail::IoCall call{"UdpSocket::receive_batch", 0, [&batch](int fd) noexcept -> ssize_t {
                                  return os().receive_batch(fd, batch.get(), batch.count());
                              }};
    const std::size_t n = state_->read(call, ec, by);
    for (std::size_t i = 0; i < n; ++i) batch.copy_to(into[i], i);
    return n;
}

std::size_t UdpSocket::receive_batch(std::span<ReceivedDatagram> into, Deadline by) {
    std::error_code ec;
    const std::size_t n = receive_batch(into, ec, by);
    if (ec) detail::throw_failed_with_peer("receive_batch", state_, ec);
    return n;
}

}  // namespace net
}  // namespace grove
