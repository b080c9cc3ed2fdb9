#pragma once

#include <grove/net/socket.hpp>

#include "io/descriptor.hpp"
#include "net/sockaddr.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace grove::detail {

/// A number on its way to who will keep it.
class UniqueFd {
public:
    explicit UniqueFd(int fd = -1) noexcept : fd_{fd} {}
    UniqueFd(UniqueFd&& other) noexcept : fd_{other.release()} {}
    UniqueFd& operator=(UniqueFd&&) = delete;
    ~UniqueFd() {
        if (fd_ >= 0) (void)os().close(fd_);
    }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

private:
    int fd_;
};

class SocketState final : public Descriptor {
public:
    SocketState(int fd, int family, net::Endpoint peer) noexcept
        : Descriptor{fd, family == AF_UNIX ? Kind::record_stream : Kind::stream}, peer_{std::move(peer)} {}

    /// Kept, for the system forgets it when the connection breaks: just when an error has to name it.
    [[nodiscard]] const net::Endpoint& peer() const noexcept { return peer_; }

private:
    ~SocketState() override = default;
    net::Endpoint peer_;
};

/// For the other parts of net.
struct SocketAccess {
    [[nodiscard]] static net::Socket make(UniqueFd, int family, net::Endpoint peer);
    [[nodiscard]] static SocketState& state(const net::Socket& socket) noexcept { return *socket.state_; }
};

/// What a call gave that returns -errno, as ec and, if it failed, -1.
inline int checked(int result, std::error_code& ec) noexcept {
    ec = result < 0 ? std::error_code{-result, std::generic_category()} : std::error_code{};
    return result < 0 ? -1 : result;
}

/// ec = Errc::closed, 0.
std::size_t closed(std::error_code& ec) noexcept;

/// "connect 127.0.0.1:80: Connection refused".
[[noreturn]] void throw_failed(std::string_view operation, std::string where, std::error_code);

/// type: SOCK_STREAM or SOCK_DGRAM.
[[nodiscard]] UniqueFd open_socket(int family, int type, std::error_code& ec) noexcept;
void set_option(int fd, int level, int name, int value, std::error_code& ec) noexcept;
/// The address it is bound to. Throws.
[[nodiscard]] net::Endpoint local_of(const Descriptor*);

}  // namespace grove::detail
