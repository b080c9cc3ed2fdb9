#pragma once

#include <grove/core/runtime.hpp>
#include <grove/net/udp_socket.hpp>

#include "core/scheduler.hpp"
#include "io/descriptor.hpp"
#include "net/unix_file.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace grove::detail {

class UdpState final : public Descriptor {
public:
    UdpState(int fd, bool is_unix, std::optional<net::Endpoint> peer) noexcept
        : Descriptor{fd, Kind::datagrams}, is_unix_{is_unix}, peer_{std::move(peer)} {}

    void own_file(const std::string& path) { file_ = UnixFile{path}; }
    /// Null: not connected.
    [[nodiscard]] const net::Endpoint* peer() const noexcept { return peer_ ? &*peer_ : nullptr; }

    [[nodiscard]] std::string peer_name() const { return peer_ ? peer_->to_string() : std::string{}; }

    /// f(fd) gives a count or -errno. Blocks.
    template <class Function>
    std::size_t send(const char* what, Function f, std::error_code& ec, Deadline by) {
        return is_unix_ && !peer_ ? send_with_pauses(what, f, ec, by) : write(IoCall{what, 0, f}, ec, by);
    }

private:
    ~UdpState() override = default;

    template <class Function>
    std::size_t send_with_pauses(const char* what, Function f, std::error_code& ec, Deadline by);

    const bool is_unix_;
    const std::optional<net::Endpoint> peer_;
    UnixFile file_;
};

// ---------------------------------------------------------------------------------------------

/// When there is room again at a Unix socket, the system tells those who are connected to it, and nobody
/// else: to the others their own socket looks writable all the time, and each look is an edge of its own. So
/// we do not wait for the loop, but look again and again.
template <class Function>
std::size_t UdpState::send_with_pauses(const char* what, Function f, std::error_code& ec, Deadline by) {
    using namespace std::chrono_literals;
    const IoCall look{what, 0, [&f](int fd) noexcept -> ssize_t {
                          const ssize_t result = f(fd);
                          return result == -EAGAIN ? -ETIMEDOUT : result;
                      }};
    const Pin pin{*this};
    for (auto pause = 1ms;; pause = std::min(2 * pause, 50ms)) {
        const std::size_t n = write(look, ec, by);
        if (ec != std::errc::timed_out || by.passed()) return n;
        sleep(std::min(by, Deadline{pause}));
    }
}

}  // namespace grove::detail
