#pragma once

#include <grove/io/asio.hpp>
#include <grove/sync/lock.hpp>

#include "http/deadlines.hpp"
#include "http/input_buffer.hpp"
#include "http/transport.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <span>
#include <system_error>
#include <utility>

namespace grove::detail {

/// What a read of the Wire throws when the time it had is over. Beast takes an error for the end of the
/// connection; an exception leaves its state as it was before the read.
struct Silence {};

/// A connection as Beast's WebSocket wants to see it: SyncReadStream and SyncWriteStream.
///
/// 1. Whatever is handed to one write leaves as a whole, before anybody else's.
/// 2. Who sends a message holds `writing` until all its frames have left; a pong of the reader's waits.
/// 3. Once our close frame is out, nothing else is: writes are dropped.
class Wire {
public:
    using next_layer_type = Wire;
    using lowest_layer_type = Wire;
    using executor_type = boost::asio::io_context::executor_type;

    Wire(Transport& transport, InputBuffer* before, std::chrono::milliseconds silence)
        : transport_{transport}, before_{before}, silence_{silence} {}

    [[nodiscard]] Wire& lowest_layer() noexcept { return *this; }
    [[nodiscard]] executor_type get_executor() const { return asio_context().get_executor(); }

    template <class Buffers>
    std::size_t read_some(const Buffers& buffers, boost::system::error_code& ec);
    template <class Buffers>
    std::size_t write_some(const Buffers& buffers, boost::system::error_code& ec);
    /// Needed by Beast's concepts, called by nobody.
    template <class Buffers>
    std::size_t read_some(const Buffers& buffers) {
        boost::system::error_code ec;
        const std::size_t n = read_some(buffers, ec);
        if (ec) throw std::system_error{ec, "read_some"};
        return n;
    }
    template <class Buffers>
    std::size_t write_some(const Buffers& buffers) {
        boost::system::error_code ec;
        const std::size_t n = write_some(buffers, ec);
        if (ec) throw std::system_error{ec, "write_some"};
        return n;
    }

    RLock writing;
    Deadline read_by;
    Deadline write_by;
    bool heard = false;     ///< something, since it was set to false
    bool finished = false;  ///< our close frame has left
    bool cut_off = false;   ///< a write was interrupted: nobody knows how much has left

private:
    std::size_t read(std::span<std::byte> into, boost::system::error_code& ec);
    std::size_t write(std::span<std::span<const std::byte>> pieces, boost::system::error_code& ec);

    Transport& transport_;
    InputBuffer* before_;  // what had come before the connection was a WebSocket's; may be null
    const std::chrono::milliseconds silence_;
};

/// What Beast calls when a WebSocket is closed: the connection is left to its owner.
inline void teardown(boost::beast::role_type, Wire&, boost::system::error_code& ec) {
    ec = {};
}

// ---------------------------------------------------------------------------------------------

template <class Buffers>
std::size_t Wire::read_some(const Buffers& buffers, boost::system::error_code& ec) {
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end; ++it) {
        const boost::asio::mutable_buffer into{*it};
        if (into.size() > 0) return read({static_cast<std::byte*>(into.data()), into.size()}, ec);
    }
    ec = {};
    return 0;
}

template <class Buffers>
std::size_t Wire::write_some(const Buffers& buffers, boost::system::error_code& ec) {
    std::array<std::span<const std::byte>, 16> pieces;
    std::size_t count = 0;
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end && count < pieces.size(); ++it) {
        const boost::asio::const_buffer from{*it};
        if (from.size() > 0) pieces[count++] = {static_cast<const std::byte*>(from.data()), from.size()};
    }
    return write(std::span{pieces}.first(count), ec);
}

inline std::size_t Wire::read(std::span<std::byte> into, boost::system::error_code& ec) {
    ec = {};
    if (before_ && !before_->empty()) {
        const std::size_t n = std::min(into.size(), before_->bytes().size());
        std::memcpy(into.data(), before_->bytes().data(), n);
        before_->consume(n);
        return n;
    }
    std::error_code error;
    const std::size_t n = transport_.read_some(into, error, std::min(read_by, from_now(silence_)));
    if (error == std::errc::timed_out) throw Silence{};
    if (n > 0) heard = true;
    ec = error;
    if (!error && n == 0) ec = boost::asio::error::eof;
    return n;
}

inline std::size_t Wire::write(std::span<std::span<const std::byte>> pieces, boost::system::error_code& ec) {
    const std::scoped_lock held{writing};
    std::size_t total = 0;
    for (const auto piece : pieces) total += piece.size();
    ec = {};
    if (finished) return total;
    std::error_code error = std::exchange(cut_off, true) ? std::make_error_code(std::errc::operation_canceled)
                                                         : std::error_code{};
    while (!pieces.empty() && !error) {
        std::size_t n =
            transport_.write_some(std::span<const std::span<const std::byte>>{pieces}, error, write_by);
        while (!pieces.empty() && n >= pieces.front().size()) {
            n -= pieces.front().size();
            pieces = pieces.subspan(1);
        }
        if (n > 0) pieces.front() = pieces.front().subspan(n);
    }
    if (error) {
        ec = error;
        return 0;
    }
    cut_off = false;
    return total;
}

}  // namespace grove::detail
