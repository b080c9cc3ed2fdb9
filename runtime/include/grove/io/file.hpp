#pragma once

#include <grove/base/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace grove {

namespace detail {
class FileState;
struct FileAccess;
struct CloseFile {
    void operator()(FileState*) const noexcept;
};
}  // namespace detail

enum class OpenMode {
    read,        ///< of a file that exists
    write,       ///< made if there is none, emptied if there is
    append,      ///< made if there is none; each write goes to the end, whoever else writes
    read_write,  ///< made if there is none, kept as it is if there is
    create_new,  ///< to read and write; errc::file_exists if there is one
};

/// A regular file. What is in the page cache is read at once; else the greenlet waits while io_uring, or a
/// native thread where io_uring is not allowed, does the work. Every call has an error_code twin.
///
/// A kill or a deadline cancels a read, write or sync that is under way; the call still waits until the
/// kernel has let go of the buffer, and a disk may take its time. All other calls are done to their end, and
/// a kill waits for the next wait. On a plain thread deadlines only tell whether to begin.
///
/// Greenlets of one runtime may share a File, but not its position; see Errc::concurrent_use. A plain thread
/// needs it for itself.
class File {
public:
    static File open(const std::filesystem::path&, OpenMode = OpenMode::read);  ///< Blocks.
    static File open(const std::filesystem::path&,
                     std::error_code& ec,
                     OpenMode = OpenMode::read);  ///< Blocks.

    /// Takes over a descriptor of a regular file that is open to read, also if it throws.
    static File adopt(int fd);

    File() noexcept = default;  ///< not open: all calls fail with Errc::closed
    File(File&&) noexcept = default;
    File& operator=(File&&) noexcept = default;
    ~File() = default;  ///< closes; an error is logged, so close() what you wrote

    /// At least one byte from the position on, which moves; 0 only at the end. Errc::concurrent_use while
    /// another greenlet waits to read or write at the position. Blocks.
    std::size_t read_some(std::span<std::byte> into, Deadline = {});
    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline = {});
    /// The same for writing. After a kill or a time-out nobody knows what was written. Blocks.
    std::size_t write_some(std::span<const std::byte> from, Deadline = {});
    std::size_t write_some(std::span<const std::byte> from, std::error_code& ec, Deadline = {});

    /// The same at an offset, in bytes from the beginning. The position stays, and greenlets may do this at
    /// the same time. Blocks.
    std::size_t read_at(std::uint64_t offset, std::span<std::byte> into);
    std::size_t read_at(std::uint64_t offset, std::span<std::byte> into, std::error_code& ec);
    std::size_t write_at(std::uint64_t offset, std::span<const std::byte> from);
    std::size_t write_at(std::uint64_t offset, std::span<const std::byte> from, std::error_code& ec);

    /// The same with several places in memory, one after the other, in one system call: the first 16 that are
    /// not empty. The count is of all together. Block.
    using Places = std::span<const std::span<std::byte>>;
    using Pieces = std::span<const std::span<const std::byte>>;
    std::size_t read_some(Places into, Deadline = {});
    std::size_t read_some(Places into, std::error_code& ec, Deadline = {});
    std::size_t write_some(Pieces from, Deadline = {});
    std::size_t write_some(Pieces from, std::error_code& ec, Deadline = {});
    std::size_t read_at(std::uint64_t offset, Places into);
    std::size_t read_at(std::uint64_t offset, Places into, std::error_code& ec);
    std::size_t write_at(std::uint64_t offset, Pieces from);
    std::size_t write_at(std::uint64_t offset, Pieces from, std::error_code& ec);

    [[nodiscard]] std::uint64_t position() const noexcept;  ///< bytes from the beginning
    void seek(std::uint64_t position) noexcept;             ///< may lie behind the end

    [[nodiscard]] std::uint64_t size() const;                     ///< bytes. Blocks.
    [[nodiscard]] std::uint64_t size(std::error_code& ec) const;  ///< Blocks.
    void resize(std::uint64_t bytes);                             ///< Blocks.
    void resize(std::uint64_t bytes, std::error_code& ec);        ///< Blocks.
    void sync();                     ///< data and metadata are on the device. Blocks.
    void sync(std::error_code& ec);  ///< Blocks.
    /// Calls of other greenlets that are under way end first; new ones fail with Errc::closed. An error is
    /// that of an earlier write; the file is closed all the same. Blocks.
    void close();
    void close(std::error_code& ec);

    [[nodiscard]] bool is_open() const noexcept { return native_handle() >= 0; }
    [[nodiscard]] int native_handle() const noexcept;  ///< -1: not open

private:
    friend struct detail::FileAccess;
    explicit File(detail::FileState* state) noexcept : state_{state} {}

    std::unique_ptr<detail::FileState, detail::CloseFile> state_;  // null: never opened, or moved away
};

/// All of it. errc::is_a_directory and so on. Blocks.
[[nodiscard]] std::string read_file(const std::filesystem::path&);
[[nodiscard]] std::string read_file(const std::filesystem::path&, std::error_code& ec);

/// Replaces the file as a whole: a reader, or a crash, sees the old contents or the new. The contents are on
/// the device on return, the name may follow: a crash soon after can bring back the old ones. Keeps the
/// permissions of the old one. A symbolic link is replaced, not followed. Blocks.
void write_file(const std::filesystem::path&, std::string_view contents);
void write_file(const std::filesystem::path&, std::string_view contents, std::error_code& ec);

/// Contents and permissions; `to` is replaced as by write_file(). Blocks.
void copy_file(const std::filesystem::path& from, const std::filesystem::path& to);
void copy_file(const std::filesystem::path& from, const std::filesystem::path& to, std::error_code& ec);

/// Replaces `to` if it exists. Blocks.
void rename(const std::filesystem::path& from, const std::filesystem::path& to);
void rename(const std::filesystem::path& from, const std::filesystem::path& to, std::error_code& ec);

/// A file, a symbolic link or an empty directory. False if there was none. Blocks.
bool remove(const std::filesystem::path&);
bool remove(const std::filesystem::path&, std::error_code& ec);

/// What is in it, without "." and "..", sorted; each begins with the path that was given. Blocks.
[[nodiscard]] std::vector<std::filesystem::path> list_directory(const std::filesystem::path&);
[[nodiscard]] std::vector<std::filesystem::path> list_directory(const std::filesystem::path&,
                                                                std::error_code& ec);

/// False if it was there already. Blocks.
bool make_directory(const std::filesystem::path&);
bool make_directory(const std::filesystem::path&, std::error_code& ec);

struct FileStatus {
    std::filesystem::file_type type = std::filesystem::file_type::none;
    std::filesystem::perms permissions = std::filesystem::perms::none;
    std::uint64_t size = 0;  ///< bytes
    std::chrono::system_clock::time_point modified;
};

/// Of what a symbolic link leads to. errc::no_such_file_or_directory if there is none. Blocks.
[[nodiscard]] FileStatus status(const std::filesystem::path&);
[[nodiscard]] FileStatus status(const std::filesystem::path&, std::error_code& ec);

}  // namespace grove
