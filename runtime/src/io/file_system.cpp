// The free functions of io/file.hpp.

#include <grove/core/timeout.hpp>
#include <grove/io/file.hpp>
#include <grove/io/stream.hpp>

#include "io/file_service.hpp"
#include "io/file_state.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <dirent.h>
#include <fcntl.h>
#include <new>
#include <unistd.h>
#include <utility>

namespace grove {

namespace fs = std::filesystem;

namespace {

// Of one read or write. Larger ones save little, and smaller ones cost a switch each when the file is cold.
constexpr std::size_t piece_size = 128 * 1024;

constexpr std::size_t least_read = 4096;

template <class... Parts>
void throw_if(const std::error_code& ec, const char* operation, const Parts&... paths) {
    if (!ec) return;
    std::string what = operation;
    ((what += " " + paths.native()), ...);
    throw std::system_error{ec, what};
}

/// What the kernel has in mind already, without waiting. Only a hint.
std::size_t likely_size(const File& file) noexcept {
    struct statx found {};
    const int result =
        detail::os().status(file.native_handle(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, &found);
    return result < 0 ? 0 : static_cast<std::size_t>(found.stx_size);
}

// --- a file in another's place -----------------------------------------------------------------------

/// A temporary file beside the one it is to replace; removed unless it has done so. Each step sets ec, and
/// none may follow one that failed.
class Replacement {
public:
    explicit Replacement(const fs::path& target) : target_{target} {}
    ~Replacement() {
        if (name_.empty()) return;
        const Shield to_the_end;
        detail::RemoveCall call{name_.c_str(), false};
        (void)detail::perform(call);
    }
    Replacement(const Replacement&) = delete;
    Replacement& operator=(const Replacement&) = delete;

    void open(std::error_code& ec);
    void set_mode(mode_t, std::error_code& ec);
    void keep_mode_of(const fs::path&, std::error_code& ec);
    [[nodiscard]] File& file() noexcept { return file_; }
    void commit(std::error_code& ec);

private:
    void apply_mode(std::error_code& ec);

    const fs::path& target_;
    mode_t mode_ = 0;
    std::string name_;  // empty: there is none
    File file_;
};

void Replacement::open(std::error_code& ec) {
    // The process is no part of what makes the name unique, only of what makes it likely: open() decides.
    static std::atomic<unsigned> last{0};
    do {
        const std::string name =
            ".grove-" + std::to_string(::getpid()) + "-" + std::to_string(++last) + ".tmp";
        std::string path = (target_.parent_path() / name).native();
        file_ = File::open(path, ec, OpenMode::create_new);
        if (!ec) name_ = std::move(path);
    } while (ec == std::errc::file_exists);
}

void Replacement::set_mode(mode_t mode, std::error_code& ec) {
    mode_ = mode;
    apply_mode(ec);
}

void Replacement::apply_mode(std::error_code& ec) {
    detail::ThreadCall call{"write_file",
                            [mode = mode_, fd = file_.native_handle()](detail::Os& system) -> ssize_t {
                                return system.set_mode(fd, mode);
                            }};
    detail::conclude(detail::perform(call), ec);
}

void Replacement::keep_mode_of(const fs::path& path, std::error_code& ec) {
    detail::StatusCall call{AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW};
    const ssize_t result = detail::perform(call);
    if (result == -ENOENT) return;
    detail::conclude(result, ec);
    if (!ec && S_ISREG(call.found.stx_mode)) set_mode(call.found.stx_mode & 07777, ec);
}

void Replacement::commit(std::error_code& ec) {
    // Writing takes a file's set-user-ID away.
    if (mode_ & (S_ISUID | S_ISGID)) apply_mode(ec);
    if (!ec) file_.sync(ec);
    if (!ec) file_.close(ec);
    if (!ec) grove::rename(name_, target_, ec);
    if (!ec) name_.clear();
}

}  // namespace

// --- whole files -------------------------------------------------------------------------------------

std::string read_file(const fs::path& path) {
    std::error_code ec;
    std::string contents = grove::read_file(path, ec);
    throw_if(ec, "read", path);
    return contents;
}

std::string read_file(const fs::path& path, std::error_code& ec) {
    File file = File::open(path, ec);
    if (ec) return {};
    std::string contents;
    std::size_t have = 0;
    // The one more shows the end. Some files of /proc claim to be empty, and give only what one read takes.
    contents.resize(std::max(likely_size(file) + 1, least_read));
    for (;;) {
        if (have == contents.size()) contents.resize(std::max(2 * have, piece_size));
        const auto room = std::as_writable_bytes(std::span{contents}).subspan(have);
        const std::size_t n = file.read_some(room, ec);
        if (ec) return {};
        if (n == 0) break;
        have += n;
    }
    contents.resize(have);
    return contents;
}

void write_file(const fs::path& path, std::string_view contents) {
    std::error_code ec;
    grove::write_file(path, contents, ec);
    throw_if(ec, "write", path);
}

void write_file(const fs::path& path, std::string_view contents, std::error_code& ec) {
    Replacement replacement{path};
    replacement.open(ec);
    if (!ec) replacement.keep_mode_of(path, ec);
    if (!ec) grove::write(replacement.file(), contents, ec);
    if (!ec) replacement.commit(ec);
}

void copy_file(const fs::path& from, const fs::path& to) {
    std::error_code ec;
    grove::copy_file(from, to, ec);
    throw_if(ec, "copy", from, to);
}

void copy_file(const fs::path& from, const fs::path& to, std::error_code& ec) {
    File source = File::open(from, ec);
    if (ec) return;
    const FileStatus original = grove::status(from, ec);
    Replacement replacement{to};
    if (!ec) replacement.open(ec);
    if (!ec) replacement.set_mode(static_cast<mode_t>(original.permissions), ec);
    const auto piece = std::make_unique<std::byte[]>(piece_size);
    while (!ec) {
        const std::size_t n = source.read_some({piece.get(), piece_size}, ec);
        if (n == 0) break;
        grove::write(replacement.file(), std::span<const std::byte>{piece.get(), n}, ec);
    }
    if (!ec) replacement.commit(ec);
}

// --- names ---------------------------------------------------------------------------------------------

void rename(const fs::path& from, const fs::path& to) {
    std::error_code ec;
    grove::rename(from, to, ec);
    throw_if(ec, "rename", from, to);
}

void rename(const fs::path& from, const fs::path& to, std::error_code& ec) {
    if (!detail::is_name(from, ec) || !detail::is_name(to, ec)) return;
    detail::RenameCall call{from.c_str(), to.c_str()};
    detail::conclude(detail::perform(call), ec);
}

bool remove(const fs::path& path) {
    std::error_code ec;
    const bool removed = grove::remove(path, ec);
    throw_if(ec, "remove", path);
    return removed;
}

bool remove(const fs::path& path, std::error_code& ec) {
    if (!detail::is_name(path, ec)) return false;
    detail::RemoveCall file{path.c_str(), false};
    ssize_t result = detail::perform(file);
    if (result == -EISDIR) {
        detail::RemoveCall directory{path.c_str(), true};
        result = detail::perform(directory);
    }
    const bool was_there = result != -ENOENT;
    detail::conclude(was_there ? result : 0, ec);
    return was_there && !ec;
}

bool make_directory(const fs::path& path) {
    std::error_code ec;
    const bool made = grove::make_directory(path, ec);
    throw_if(ec, "make directory", path);
    return made;
}

bool make_directory(const fs::path& path, std::error_code& ec) {
    if (!detail::is_name(path, ec)) return false;
    detail::MakeDirectoryCall call{path.c_str(), 0777};
    const ssize_t result = detail::perform(call);
    detail::conclude(result, ec);
    if (ec != std::errc::file_exists) return !ec;
    std::error_code not_there;
    if (grove::status(path, not_there).type == fs::file_type::directory) ec.clear();
    return false;
}

// --- what is there ---------------------------------------------------------------------------------------

namespace {

fs::file_type type_of(unsigned mode) noexcept {
    switch (mode & S_IFMT) {
        case S_IFREG:
            return fs::file_type::regular;
        case S_IFDIR:
            return fs::file_type::directory;
        case S_IFLNK:
            return fs::file_type::symlink;
        case S_IFBLK:
            return fs::file_type::block;
        case S_IFCHR:
            return fs::file_type::character;
        case S_IFIFO:
            return fs::file_type::fifo;
        case S_IFSOCK:
            return fs::file_type::socket;
        default:
            return fs::file_type::unknown;
    }
}

/// The names in the directory, which holds up this thread; a count or -errno.
ssize_t list_names(detail::Os& system, int fd, std::vector<std::string>& names) {
    constexpr std::size_t size = 32 * 1024;
    const auto buffer = std::make_unique<std::byte[]>(size);
    for (;;) {
        const ssize_t got = system.list(fd, buffer.get(), size);
        if (got <= 0) return got;
        for (ssize_t at = 0; at < got;) {
            const auto* const entry = reinterpret_cast<const dirent64*>(buffer.get() + at);
            const std::string_view name{entry->d_name};
            if (name != "." && name != "..") names.emplace_back(name);
            at += entry->d_reclen;
        }
    }
}

}  // namespace

std::vector<fs::path> list_directory(const fs::path& path) {
    std::error_code ec;
    auto found = grove::list_directory(path, ec);
    throw_if(ec, "list", path);
    return found;
}

std::vector<fs::path> list_directory(const fs::path& path, std::error_code& ec) {
    if (!detail::is_name(path, ec)) return {};
    std::vector<std::string> names;
    detail::ThreadCall call{"list_directory", [&](detail::Os& system) noexcept -> ssize_t {
                                const int fd = system.open(path.c_str(), O_RDONLY | O_DIRECTORY, 0);
                                if (fd < 0) return fd;
                                ssize_t result = -ENOMEM;
                                try {
                                    result = list_names(system, fd, names);
                                } catch (const std::bad_alloc&) {  // told as ENOMEM
                                }
                                (void)system.close(fd);
                                return result;
                            }};
    detail::conclude(detail::perform(call), ec);
    if (ec) return {};
    std::ranges::sort(names);
    std::vector<fs::path> found;
    found.reserve(names.size());
    for (const std::string& name : names) found.push_back(path / name);
    return found;
}

FileStatus status(const fs::path& path) {
    std::error_code ec;
    const FileStatus found = grove::status(path, ec);
    throw_if(ec, "status of", path);
    return found;
}

FileStatus status(const fs::path& path, std::error_code& ec) {
    if (!detail::is_name(path, ec)) return {};
    detail::StatusCall call{AT_FDCWD, path.c_str(), 0};
    detail::conclude(detail::perform(call), ec);
    if (ec) return {};
    const struct statx& found = call.found;
    const auto since_epoch =
        std::chrono::seconds{found.stx_mtime.tv_sec} + std::chrono::nanoseconds{found.stx_mtime.tv_nsec};
    return {.type = type_of(found.stx_mode),
            .permissions = static_cast<fs::perms>(found.stx_mode & 07777),
            .size = found.stx_size,
            .modified = std::chrono::system_clock::time_point{
                std::chrono::duration_cast<std::chrono::system_clock::duration>(since_epoch)}};
}

}  // namespace grove
