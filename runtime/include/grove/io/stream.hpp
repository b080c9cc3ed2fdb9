#pragma once

#include <grove/base/time.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>

namespace grove {

/// Anything bytes can be read from: at least one per call; 0 means the end, and only that.
template <class S>
concept ReadStream = requires(S& s, std::span<std::byte> into, std::error_code& ec, Deadline by) {
    { s.read_some(into, ec, by) } -> std::same_as<std::size_t>;
};

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
std::size_t write(WriteStream auto& stream, std::span<const std::byte> from, std::error_code& ec, Deadline = {});

/// Lines and records from a stream. Views stay valid until the next call.
template <ReadStream S>
class BufferedReader {
public:
    /// Requires: the stream outlives the reader. limit: longest record, in bytes.
    explicit BufferedReader(S& stream, std::size_t limit = 64 * 1024);

    /// Up to and without the delimiter. Throws errc::message_size past the limit. Blocks.
    std::string_view read_until(std::string_view delimiter, Deadline = {});
    std::string_view read_line(Deadline by = {}) { return read_until("\n", by); }  ///< Blocks.

    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline = {});  ///< Blocks.
};

}  // namespace grove
