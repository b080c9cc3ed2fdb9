#pragma once

#include <grove/base/time.hpp>
#include <grove/io/detail/close_descriptor.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

namespace grove {

namespace detail {
class PipeState;
struct PipeAccess;
}  // namespace detail

/// The end of a pipe to read from, or anything else that has a descriptor and is no socket: a FIFO, a
/// terminal, an inotify instance. A ReadStream. Each call with a deadline fails with errc::timed_out when it
/// has passed. One greenlet at a time; a second is Errc::concurrent_use.
class ReadPipe {
public:
    ReadPipe() noexcept;  ///< closed
    /// Takes over a descriptor, which from now on does not block: nor does it for other processes that share
    /// the open file. Closes it also when this throws.
    static ReadPipe adopt(int fd);
    ReadPipe(ReadPipe&&) noexcept;
    ReadPipe& operator=(ReadPipe&&) noexcept;
    ~ReadPipe();

    /// At least one byte; 0 means that all writers have closed their ends. Blocks.
    std::size_t read_some(std::span<std::byte> into, Deadline = {});
    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline = {});  ///< Blocks.

    /// A greenlet that waits here leaves with Errc::closed.
    void close() noexcept;
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(state_); }
    [[nodiscard]] int native_handle() const noexcept;  ///< -1: closed
    /// Gives the descriptor away, as it is. Requires: nobody waits.
    [[nodiscard]] int release() noexcept;

private:
    friend struct detail::PipeAccess;
    explicit ReadPipe(detail::PipeState* state) noexcept;
    std::unique_ptr<detail::PipeState, detail::CloseDescriptor> state_;
};

/// The end of a pipe to write to, or the like. A WriteStream. When nobody can read any more, writing fails
/// with errc::broken_pipe; SIGPIPE is never raised.
class WritePipe {
public:
    WritePipe() noexcept;            ///< closed
    static WritePipe adopt(int fd);  ///< as ReadPipe::adopt
    WritePipe(WritePipe&&) noexcept;
    WritePipe& operator=(WritePipe&&) noexcept;
    ~WritePipe();

    /// At least one byte. Blocks.
    std::size_t write_some(std::span<const std::byte> from, Deadline = {});
    std::size_t write_some(std::span<const std::byte> from, std::error_code& ec, Deadline = {});  ///< Blocks.

    /// The reader finds the end. A greenlet that waits here leaves with Errc::closed.
    void close() noexcept;
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(state_); }
    [[nodiscard]] int native_handle() const noexcept;  ///< -1: closed
    [[nodiscard]] int release() noexcept;              ///< as ReadPipe::release

private:
    friend struct detail::PipeAccess;
    explicit WritePipe(detail::PipeState* state) noexcept;
    std::unique_ptr<detail::PipeState, detail::CloseDescriptor> state_;
};

/// A new pipe: what is written to the second can be read from the first.
[[nodiscard]] std::pair<ReadPipe, WritePipe> make_pipe();

/// The standard streams, each call a new handle; closing it leaves the stream itself open. Unbuffered: with
/// std::cout or stdio beside it, flush those first.
///
/// The open file is shared with other processes, so it is left as it is: pipes and terminals are opened once
/// more, non-blocking; regular files are read and written on the offload pool; what cannot be opened again is
/// asked with poll(2) before each call, which may block this thread if another process is faster.
[[nodiscard]] ReadPipe standard_input();
[[nodiscard]] WritePipe standard_output();
[[nodiscard]] WritePipe standard_error();

}  // namespace grove
