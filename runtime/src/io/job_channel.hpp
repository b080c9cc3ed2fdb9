#pragma once

#include <grove/base/time.hpp>
#include <grove/io/detail/close_descriptor.hpp>

#include "io/unique_fd.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

namespace grove::detail {

class JobSocket;

/// The bytes of one message, without its length.
struct MessageBytes {
    std::unique_ptr<std::byte[]> data;
    std::size_t size = 0;

    [[nodiscard]] std::span<const std::byte> span() const noexcept { return {data.get(), size}; }
};

/// One end of a Unix stream socket, over which messages go: eight bytes of length, and so many bytes. A
/// ReadStream and a WriteStream.
class JobChannel {
public:
    explicit JobChannel(UniqueFd);
    JobChannel(JobChannel&&) noexcept;
    JobChannel& operator=(JobChannel&&) noexcept;
    ~JobChannel();
    /// Close-on-exec and non-blocking.
    [[nodiscard]] static std::pair<UniqueFd, UniqueFd> make_sockets();

    /// Fills in the length. The message begins with room for it. Blocks.
    void send(std::span<std::byte> message, std::error_code& ec);
    /// Errc::eof between messages, errc::message_size if it is longer than most, which leaves it unread.
    /// Blocks.
    [[nodiscard]] MessageBytes receive(std::size_t most, std::error_code& ec);

    std::size_t read_some(std::span<std::byte>, std::error_code& ec, Deadline = {});         ///< Blocks.
    std::size_t write_some(std::span<const std::byte>, std::error_code& ec, Deadline = {});  ///< Blocks.

private:
    std::unique_ptr<JobSocket, CloseDescriptor> socket_;
};

}  // namespace grove::detail
