#pragma once

#include <grove/base/error.hpp>
#include <grove/base/time.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/io/file.hpp>

#include "core/scheduler.hpp"
#include "io/file_call.hpp"

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace grove::detail {

/// What a call that gives a count or -errno says.
inline std::size_t conclude(ssize_t result, std::error_code& ec) noexcept {
    if (result < 0) {
        ec.assign(static_cast<int>(-result), std::generic_category());
        return 0;
    }
    ec.clear();
    return static_cast<std::size_t>(result);
}

/// False, with EINVAL, for one with a zero in it: the kernel would see what is before.
[[nodiscard]] inline bool is_name(const std::filesystem::path& path, std::error_code& ec) noexcept {
    const bool whole = path.native().find('\0') == std::string::npos;
    if (!whole) ec = std::make_error_code(std::errc::invalid_argument);
    return whole;
}

/// An open file; outlives its File while a greenlet works on it.
///
/// 1. The descriptor is closed by the last who uses it: a call under way never meets another file's number.
/// 2. Whoever moves the position holds it (`moving_`) while it waits.
/// 3. What memory holds is asked for first, unless the file system said that it cannot tell.
class FileState {
public:
    FileState(int fd, std::string path, bool writes) noexcept
        : path_{std::move(path)}, fd_{fd}, writes_{writes} {}
    FileState(const FileState&) = delete;
    FileState& operator=(const FileState&) = delete;

    std::size_t read_some(const IoVector& into, std::error_code& ec, Deadline);
    std::size_t write_some(const IoVector& from, std::error_code& ec, Deadline);
    std::size_t read_at(std::uint64_t offset, const IoVector& into, std::error_code& ec, Deadline);
    std::size_t write_at(std::uint64_t offset, const IoVector& from, std::error_code& ec, Deadline);
    /// make_call(fd) gives a count or -errno; the descriptor stays meanwhile. Blocks.
    template <class MakeCall>
    std::size_t use(std::error_code& ec, MakeCall&& make_call);
    void close(std::error_code& ec);
    void abandon() noexcept;  ///< its File is gone

    /// Keeps this, not the descriptor: for its name.
    void pin() noexcept { ++pins_; }
    void unpin() noexcept {
        if (--pins_ == 0 && ended_) delete this;
    }

    [[nodiscard]] int fd() const noexcept { return closed_ ? -1 : fd_; }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    std::uint64_t position = 0;

private:
    /// Keeps the descriptor, and this, during a call.
    class User {
    public:
        explicit User(FileState& file) noexcept : file_{file} { ++file_.users_; }
        ~User() { file_.leave(); }
        User(const User&) = delete;
        User& operator=(const User&) = delete;

    private:
        FileState& file_;
    };

    ~FileState() = default;

    template <class Call>
    std::size_t transfer(Call&&, bool& at_once, std::error_code& ec, Deadline);
    template <class Call>
    [[nodiscard]] ssize_t transfer_slow(Call&, bool& at_once, Deadline);
    template <class Transfer>
    std::size_t move(std::error_code& ec, Transfer&&);
    void leave() noexcept;
    void left_closed() noexcept;
    void end() noexcept;

    std::string path_;
    int fd_;
    const bool writes_;
    bool closed_ = false;    // for newcomers
    bool orphaned_ = false;  // the last user ends it
    bool ended_ = false;     // the last pin destroys it
    bool moving_ = false;
    bool reads_at_once_ = true;
    bool writes_at_once_ = true;
    std::uint32_t users_ = 0;
    std::uint32_t pins_ = 0;
    WaitList unused_;  // who wants to close it
};

/// For the floors above. Null: not open.
struct FileAccess {
    [[nodiscard]] static FileState* state(const File& file) noexcept { return file.state_.get(); }
};

// ---------------------------------------------------------------------------------------------

template <class MakeCall>
std::size_t FileState::use(std::error_code& ec, MakeCall&& make_call) {
    if (closed_) {
        ec = Errc::closed;
        return 0;
    }
    const User user{*this};
    return conclude(make_call(fd_), ec);
}

inline void FileState::leave() noexcept {
    --users_;
    if (closed_) left_closed();
}

}  // namespace grove::detail
