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
/// else: to the others their own socket looks writable all the time. So we look again and again. The first
/// time at once, whatever another receiver has told the cache.
template <class Function>
std::size_t UdpState::send_with_pauses(const char* what, Function f, std::error_code& ec, Deadline by) {
    using namespace std::chrono_literals;
    for (auto pause = 0ms;; pause = std::clamp(2 * pause, 1ms, 50ms)) {
        const Deadline turn = std::min(by, Deadline{pause});
        const IoCall call{what, 0, [&f, turn](int fd) noexcept -> ssize_t {
                              const ssize_t result = f(fd);
                              if (result != -EAGAIN || Scheduler::here()) return result;
                              sleep(turn);  // on a plain thread, poll() would not
                              return -ETIMEDOUT;
                          }};
        const std::size_t n = write(call, ec, turn);
        if (ec != std::errc::timed_out || by.passed()) return n;  // if closed, this is gone
    }
}

}  // namespace grove::detail
