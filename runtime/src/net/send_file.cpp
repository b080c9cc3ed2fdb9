#include <grove/io/stream.hpp>
#include <grove/net/send_file.hpp>

#include "io/file_service.hpp"
#include "io/file_state.hpp"
#include "net/socket_state.hpp"

#include <algorithm>
#include <poll.h>
#include <string>
#include <vector>

namespace grove {

namespace detail {

namespace {

// Up to here a copy costs less than the way to a thread and back (bench send_file); and so much at a time.
constexpr std::size_t most_copied = 64 * 1024;

// More no socket buffer takes, unless the peer reads as fast; and a kill need not wait for long. To hand over
// a quarter of it costs 1.4 times the CPU of nginx's sendfile, this 1.1 times (bench/run, large response).
constexpr std::size_t most_sent = 4 * 1024 * 1024;

/// What is still to be sent.
struct Left : net::FileRange {
    void advance(std::uint64_t n) noexcept {
        offset += n;
        length -= n;
    }
};

void wait_for_room(SocketState& socket, std::error_code& ec, Deadline by) {
    const IoCall call{"send_file", 0, [](int fd) noexcept -> ssize_t {
                          pollfd entry{.fd = fd, .events = POLLOUT, .revents = 0};
                          const int ready = os().poll(&entry, 1, Clock::time_point{});
                          return ready == 0 ? -EAGAIN : ready;
                      }};
    socket.write(call, ec, by);
}

/// Behind a piece, which may have found room at once: waiting is not all that takes time.
void check_time(const Left& left, std::error_code& ec, Deadline by) {
    if (!ec && left.length > 0 && by.passed()) ec = std::make_error_code(std::errc::timed_out);
}

/// Pieces that are large. The thread has a descriptor of its own: the socket's number may be another's when
/// it comes to it.
std::error_code send_on_thread(net::Socket& to, int file, Left& left, Deadline by) {
    std::error_code ec;
    SocketState& socket = SocketAccess::state(to);
    const Descriptor::Pin pin{socket};
    const UniqueFd ours{checked(os().duplicate(socket.fd(), 0), ec)};
    while (!ec && left.length > most_copied) {
        wait_for_room(socket, ec, by);
        if (ec) break;
        ThreadCall call{"send_file", [&](Os& system) {
                            const auto size = std::min<std::uint64_t>(left.length, most_sent);
                            return system.send_file(ours.get(), file, left.offset, size);
                        }};
        const ssize_t n = perform(call);
        if (n == -EAGAIN) continue;
        left.advance(conclude(n, ec));
        if (n == 0) ec = Errc::eof;
        if (socket.fd() < 0) ec = Errc::closed;
        check_time(left, ec, by);
    }
    return ec;
}

/// What is small, and what the file system cannot send itself.
std::error_code copy(net::Socket& to, File& from, Left& left, Deadline by) {
    std::error_code ec;
    std::vector<std::byte> buffer(std::min<std::uint64_t>(left.length, most_copied));
    while (left.length > 0) {
        const auto room = std::span{buffer}.first(std::min<std::uint64_t>(left.length, buffer.size()));
        const std::size_t n = from.read_at(left.offset, room, ec);
        if (!ec && n == 0) ec = Errc::eof;
        if (!ec) left.advance(write(to, room.first(n), ec, by));
        check_time(left, ec, by);
        if (ec) break;
    }
    return ec;
}

}  // namespace
}  // namespace detail

namespace net {

std::uint64_t send_file(Socket& to, File& from, const FileRange& range, std::error_code& ec, Deadline by) {
    detail::FileState* const file = detail::FileAccess::state(from);
    if (!to || !file) return detail::closed(ec);
    ec.clear();
    detail::Left left{range};
    if (left.length > detail::most_copied) {
        std::error_code closed;
        file->use(closed, [&](int fd) {
            ec = detail::send_on_thread(to, fd, left, by);
            return 0;
        });
        if (closed) ec = closed;
    }
    if (!ec || ec == std::errc::invalid_argument) ec = detail::copy(to, from, left, by);
    return range.length - left.length;
}

void send_file(Socket& to, File& from, const FileRange& range, Deadline by) {
    std::error_code ec;
    (void)send_file(to, from, range, ec, by);
    if (ec == Errc::closed) detail::throw_failed("send_file", {}, ec);
    if (ec) detail::throw_failed("send_file", "to " + to.peer().to_string(), ec);
}

}  // namespace net
}  // namespace grove
