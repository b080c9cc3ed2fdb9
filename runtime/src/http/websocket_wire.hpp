#pragma once

#include <grove/base/error.hpp>
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
#include <span>
#include <system_error>

namespace grove::detail {

/// What a read of the Wire throws when the time it had is over. Beast takes an error for the end of the
/// connection; an exception leaves its state as it was before the read.
struct Silence {};

struct WireLimits {
    std::chrono::milliseconds silence;  ///< nothing comes for so long: a read throws Silence
    std::chrono::milliseconds send;     ///< for a write that nobody gave a limit, such as a pong
    std::size_t late_bytes;             ///< that a read takes behind its deadline, of what has come already
};

/// A connection as Beast's WebSocket wants to see it: SyncReadStream and SyncWriteStream.
///
/// 1. Whatever is handed to one write leaves as a whole, before anybody else's.
/// 2. Who sends a message has the turn until all its frames have left; a pong of the reader's waits.
/// 3. Once our close frame is out, nothing else is: writes are dropped.
/// 4. A read does not go on for ever behind its deadline, though something always comes.
class Wire {
public:
    using next_layer_type = Wire;
    using lowest_layer_type = Wire;
    using executor_type = boost::asio::io_context::executor_type;

    Wire(Transport& transport, InputBuffer* before, const WireLimits& limits)
        : transport_{transport}, before_{before}, limits_{limits} {}

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

    /// The right to write until the limit, which is then the limit of all writes. Whoever has it may take it
    /// again, and keeps the first limit. The constructor blocks.
    class Turn {
    public:
        Turn(Wire& wire, Deadline limit);
        ~Turn();
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

        /// timed_out: it is still another's; closed: our close frame has left; operation_canceled: a write
        /// was interrupted. Only without an error may its owner write.
        [[nodiscard]] std::error_code error() const;

    private:
        Wire& wire_;
        const bool owned_;
    };

    /// For the reads until the next call of this.
    void read_until(Deadline by) noexcept {
        read_by_ = by;
        late_bytes_ = 0;
    }
    /// A ping, a pong or a close frame was read, which costs more than its bytes.
    void note_control_frame() noexcept {
        if (read_by_.passed()) late_bytes_ += 4096;
    }

    bool heard = false;     ///< something, since it was set to false
    bool finished = false;  ///< our close frame has left

private:
    std::size_t read(std::span<std::byte> into, boost::system::error_code& ec);
    std::size_t write(std::span<std::span<const std::byte>> pieces, boost::system::error_code& ec);

    Transport& transport_;
    InputBuffer* before_;  // what had come before the connection was a WebSocket's; may be null
    const WireLimits limits_;
    RLock writing_;
    Deadline write_by_;  // of the turn
    Deadline read_by_;
    std::size_t late_bytes_ = 0;  // read behind that
    bool cut_off_ = false;        // a write was interrupted: nobody knows how much has left
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

inline Wire::Turn::Turn(Wire& wire, Deadline limit)
    : wire_{wire}, owned_{wire.writing_.try_lock_until(limit.at())} {
    if (owned_ && wire_.writing_.depth() == 1) wire_.write_by_ = limit;
}

inline Wire::Turn::~Turn() {
    if (owned_) wire_.writing_.unlock();
}

inline std::error_code Wire::Turn::error() const {
    if (!owned_) return std::make_error_code(std::errc::timed_out);
    if (wire_.finished) return Errc::closed;
    if (wire_.cut_off_) return std::make_error_code(std::errc::operation_canceled);
    return {};
}

inline std::size_t Wire::read(std::span<std::byte> into, boost::system::error_code& ec) {
    ec = {};
    const bool late = read_by_.passed();
    if (late && late_bytes_ > limits_.late_bytes) throw Silence{};
    if (before_ && !before_->empty()) {
        const std::size_t n = std::min(into.size(), before_->bytes().size());
        std::memcpy(into.data(), before_->bytes().data(), n);
        before_->consume(n);
        if (late) late_bytes_ += n;
        return n;
    }
    std::error_code error;
    const std::size_t n = transport_.read_some(into, error, std::min(read_by_, from_now(limits_.silence)));
    if (error == std::errc::timed_out) throw Silence{};
    if (n > 0) heard = true;
    if (late) late_bytes_ += n;
    ec = error;
    if (!error && n == 0) ec = boost::asio::error::eof;
    return n;
}

inline std::size_t Wire::write(std::span<std::span<const std::byte>> pieces, boost::system::error_code& ec) {
    const Turn turn{*this, from_now(limits_.send)};
    std::size_t total = 0;
    for (const auto piece : pieces) total += piece.size();
    ec = {};
    std::error_code error = turn.error();
    if (error == Errc::closed) return total;
    if (!error) cut_off_ = true;  // until all of it has left
    while (!pieces.empty() && !error) {
        std::size_t n =
            transport_.write_some(std::span<const std::span<const std::byte>>{pieces}, error, write_by_);
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
    cut_off_ = false;
    return total;
}

}  // namespace grove::detail
