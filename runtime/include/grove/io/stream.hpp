#pragma once

#include <grove/base/error.hpp>
#include <grove/base/time.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace grove {

/// Anything bytes can be read from: at least one per call; 0 means the end, and only that.
template <class S>
concept ReadStream = requires(S& s, std::span<std::byte> into, std::error_code& ec, Deadline by) {
    { s.read_some(into, ec, by) } -> std::same_as<std::size_t>;
};

/// Anything bytes can be written to: at least one per call.
template <class S>
concept WriteStream = requires(S& s, std::span<const std::byte> from, std::error_code& ec, Deadline by) {
    { s.write_some(from, ec, by) } -> std::same_as<std::size_t>;
};

/// Fills `into`, or throws: Errc::eof if the stream ends first. Blocks.
void read(ReadStream auto& stream, std::span<std::byte> into, Deadline = {});
/// Returns how many bytes did arrive; fewer than asked exactly if ec is set. Blocks.
std::size_t read(ReadStream auto& stream, std::span<std::byte> into, std::error_code& ec, Deadline = {});

/// Writes all of `from`, or throws. Blocks.
void write(WriteStream auto& stream, std::span<const std::byte> from, Deadline = {});
void write(WriteStream auto& stream, std::string_view text, Deadline = {});
/// Returns how many bytes were written; fewer than given exactly if ec is set. Blocks.
std::size_t write(WriteStream auto& stream,
                  std::span<const std::byte> from,
                  std::error_code& ec,
                  Deadline = {});
std::size_t write(WriteStream auto& stream, std::string_view text, std::error_code& ec, Deadline = {});

/// Lines and records from a stream. Views stay valid until the next call. What a call that fails had received
/// stays for the next one. A ReadStream itself.
template <ReadStream S>
class BufferedReader {
public:
    /// limit: longest record without its delimiter, in bytes. Requires: the stream outlives the reader.
    explicit BufferedReader(S& stream, std::size_t limit = 64 * 1024) noexcept
        : stream_{stream}, limit_{limit} {}

    /// Up to and without the delimiter, which is taken too. Throws errc::message_size past the limit,
    /// Errc::eof if the stream ends first. Blocks. Requires: the delimiter is not empty.
    std::string_view read_until(std::string_view delimiter, Deadline = {});
    /// The same; but at the end of the stream ec is Errc::eof and the result is the rest, which is taken.
    /// Blocks.
    std::string_view read_until(std::string_view delimiter, std::error_code& ec, Deadline = {});
    std::string_view read_line(Deadline by = {}) { return read_until("\n", by); }  ///< Blocks.
    std::string_view read_line(std::error_code& ec, Deadline by = {}) {
        return read_until("\n", ec, by);
    }  ///< Blocks.

    std::size_t read_some(std::span<std::byte> into, Deadline = {});                       ///< Blocks.
    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline = {});  ///< Blocks.

    /// What has been received and not been taken yet.
    [[nodiscard]] std::span<const std::byte> buffered() const noexcept {
        return {buffer_.get() + begin_, size()};
    }

private:
    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
    std::string_view take(std::size_t length, std::size_t delimiter) noexcept;
    /// True once the delimiter is there; `at` is where. False: ec is set.
    bool find(std::string_view delimiter, std::size_t& at, std::error_code& ec, Deadline);
    std::size_t receive(std::size_t most, std::error_code& ec, Deadline);
    void make_room(std::size_t most);

    S& stream_;
    std::size_t limit_;
    std::unique_ptr<std::byte[]> buffer_;  // made at the first need
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;  // [begin_, end_) is received and not taken
    std::size_t end_ = 0;
};

// --- read and write ----------------------------------------------------------------------------

namespace detail {

/// Through the stream's own throwing overload, if it has one: that names the peer.
std::size_t read_some(ReadStream auto& stream, std::span<std::byte> into, Deadline by) {
    if constexpr (requires { stream.read_some(into, by); }) {
        return stream.read_some(into, by);
    } else {
        std::error_code ec;
        const std::size_t n = stream.read_some(into, ec, by);
        if (ec) throw std::system_error{ec, "read"};
        return n;
    }
}

std::size_t write_some(WriteStream auto& stream, std::span<const std::byte> from, Deadline by) {
    if constexpr (requires { stream.write_some(from, by); }) {
        return stream.write_some(from, by);
    } else {
        std::error_code ec;
        const std::size_t n = stream.write_some(from, ec, by);
        if (ec) throw std::system_error{ec, "write"};
        return n;
    }
}

}  // namespace detail

void read(ReadStream auto& stream, std::span<std::byte> into, Deadline by) {
    while (!into.empty()) {
        const std::size_t n = detail::read_some(stream, into, by);
        if (n == 0) throw std::system_error{make_error_code(Errc::eof), "read"};
        into = into.subspan(n);
    }
}

std::size_t read(ReadStream auto& stream, std::span<std::byte> into, std::error_code& ec, Deadline by) {
    ec.clear();
    std::size_t done = 0;
    while (done < into.size()) {
        const std::size_t n = stream.read_some(into.subspan(done), ec, by);
        done += n;
        if (n == 0 && !ec) ec = Errc::eof;
        if (ec) break;
    }
    return done;
}

void write(WriteStream auto& stream, std::span<const std::byte> from, Deadline by) {
    while (!from.empty()) from = from.subspan(detail::write_some(stream, from, by));
}

void write(WriteStream auto& stream, std::string_view text, Deadline by) {
    write(stream, std::as_bytes(std::span{text}), by);
}

std::size_t write(WriteStream auto& stream,
                  std::span<const std::byte> from,
                  std::error_code& ec,
                  Deadline by) {
    ec.clear();
    std::size_t done = 0;
    while (done < from.size() && !ec) done += stream.write_some(from.subspan(done), ec, by);
    return done;
}

std::size_t write(WriteStream auto& stream, std::string_view text, std::error_code& ec, Deadline by) {
    return write(stream, std::as_bytes(std::span{text}), ec, by);
}

// --- BufferedReader ----------------------------------------------------------------------------

template <ReadStream S>
std::string_view BufferedReader<S>::read_until(std::string_view delimiter, Deadline by) {
    std::error_code ec;
    std::size_t at = 0;
    if (!find(delimiter, at, ec, by)) throw std::system_error{ec, "read_until"};
    return take(at, delimiter.size());
}

template <ReadStream S>
std::string_view BufferedReader<S>::read_until(std::string_view delimiter, std::error_code& ec, Deadline by) {
    std::size_t at = 0;
    if (find(delimiter, at, ec, by)) return take(at, delimiter.size());
    return ec == Errc::eof ? take(size(), 0) : std::string_view{};
}

template <ReadStream S>
std::size_t BufferedReader<S>::read_some(std::span<std::byte> into, Deadline by) {
    if (size() == 0) return detail::read_some(stream_, into, by);
    std::error_code ec;
    return read_some(into, ec, by);
}

template <ReadStream S>
std::size_t BufferedReader<S>::read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    if (size() == 0) return stream_.read_some(into, ec, by);
    ec.clear();
    const std::size_t n = std::min(into.size(), size());
    std::copy_n(buffer_.get() + begin_, n, into.data());
    begin_ += n;
    return n;
}

template <ReadStream S>
std::string_view BufferedReader<S>::take(std::size_t length, std::size_t delimiter) noexcept {
    const std::string_view record{reinterpret_cast<const char*>(buffer_.get() + begin_), length};
    begin_ += length + delimiter;
    return record;
}

template <ReadStream S>
bool BufferedReader<S>::find(std::string_view delimiter, std::size_t& at, std::error_code& ec, Deadline by) {
    ec.clear();
    const std::size_t most = limit_ + std::min(delimiter.size(), std::string_view::npos - limit_);
    for (std::size_t searched = 0;;) {
        const std::string_view text{reinterpret_cast<const char*>(buffer_.get() + begin_), size()};
        at = text.find(delimiter, searched);
        if (at != text.npos && at <= limit_) return true;
        if (size() >= most) {
            ec = std::make_error_code(std::errc::message_size);
            return false;
        }
        // The end of what is there may be the beginning of the delimiter.
        searched = size() - std::min(size(), delimiter.size() - 1);
        if (receive(most, ec, by) == 0) {
            if (!ec) ec = Errc::eof;
            return false;
        }
    }
}

template <ReadStream S>
std::size_t BufferedReader<S>::receive(std::size_t most, std::error_code& ec, Deadline by) {
    if (end_ == capacity_ || size() == 0) make_room(most);
    const std::size_t n = stream_.read_some({buffer_.get() + end_, capacity_ - end_}, ec, by);
    end_ += n;
    return n;
}

/// Moves what is there to the front; if the buffer is full of it, to one twice as large.
template <ReadStream S>
void BufferedReader<S>::make_room(std::size_t most) {
    constexpr std::size_t smallest = 1024;
    const std::size_t wanted =
        size() < capacity_ ? capacity_ : std::min(most, std::max(2 * capacity_, smallest));
    std::unique_ptr<std::byte[]> larger{wanted > capacity_ ? new std::byte[wanted] : nullptr};
    std::byte* const to = larger ? larger.get() : buffer_.get();
    if (size() > 0) std::memmove(to, buffer_.get() + begin_, size());
    end_ = size();
    begin_ = 0;
    capacity_ = wanted;
    if (larger) buffer_ = std::move(larger);
}

}  // namespace grove
