#pragma once

#include "io/io_vector.hpp"
#include "platform/os.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <liburing.h>

namespace grove::detail {

/// One system call on files, which a thread can make or the kernel's ring can be asked for. It lies on the
/// caller's stack until it has ended. Results are counts, descriptors or 0; failures are -errno.
class FileCall {
public:
    /// A kill or a deadline ends a cancellable one early, if the kernel lets it. The others are done to their
    /// end: they leave something behind that the caller must know of.
    FileCall(const char* name, bool may_be_cancelled) noexcept : what{name}, cancellable{may_be_cancelled} {}
    FileCall(const FileCall&) = delete;
    FileCall& operator=(const FileCall&) = delete;

    /// Holds up this thread. Again when a signal came in between.
    [[nodiscard]] ssize_t make(Os& system) noexcept {
        for (;;) {
            const ssize_t result = make_once(system);
            if (result != -EINTR) return result;
        }
    }
    [[nodiscard]] virtual bool suits_ring() const noexcept { return true; }
    /// Says what the ring is to do. Requires: suits_ring().
    virtual void prepare(io_uring_sqe*) noexcept {}

    const char* const what;  ///< a literal, for reports
    const bool cancellable;

protected:
    ~FileCall() = default;

private:
    virtual ssize_t make_once(Os&) noexcept = 0;
};

struct OpenCall final : FileCall {
    OpenCall(const char* p, int f, mode_t m) noexcept : FileCall{"open", false}, path{p}, flags{f}, mode{m} {}
    void prepare(io_uring_sqe* sqe) noexcept override {
        io_uring_prep_openat(sqe, AT_FDCWD, path, flags | O_CLOEXEC, mode);
    }
    ssize_t make_once(Os& system) noexcept override { return system.open(path, flags, mode); }

    const char* path;
    int flags;
    mode_t mode;
};

struct CloseCall final : FileCall {
    explicit CloseCall(int f) noexcept : FileCall{"close", false}, fd{f} {}
    void prepare(io_uring_sqe* sqe) noexcept override { io_uring_prep_close(sqe, fd); }
    ssize_t make_once(Os& system) noexcept override {
        // Linux closes the descriptor whatever close() returns: a second one would hit another file.
        const int result = system.close(fd);
        return result == -EINTR ? 0 : result;
    }

    int fd;
};

/// Bytes between memory and a place in the file.
struct TransferCall : FileCall {
    TransferCall(const char* name, int f, const IoVector& m, std::uint64_t at) noexcept
        : FileCall{name, true}, fd{f}, memory{m}, offset{at} {}
    ssize_t make_once(Os& system) noexcept final { return transfer(system, 0); }
    /// Only what memory holds, or has room for. Not for much: to copy it would hold up the others.
    ssize_t make_at_once(Os& system) noexcept { return is_large() ? -EAGAIN : transfer(system, RWF_NOWAIT); }

    int fd;
    const IoVector& memory;
    std::uint64_t offset;

protected:
    ~TransferCall() = default;

    [[nodiscard]] bool is_large() const noexcept { return memory.size() > most_copied_here; }
    /// One that finds all in memory is done while it is submitted: the kernel's threads do the large ones.
    void mark(io_uring_sqe* sqe) const noexcept {
        if (is_large()) io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
    }

private:
    virtual ssize_t transfer(Os&, int flags) noexcept = 0;

    static constexpr std::size_t most_copied_here = std::size_t{1} << 20U;  // about 0.1 ms
};

struct ReadCall final : TransferCall {
    ReadCall(int f, const IoVector& into, std::uint64_t at) noexcept
        : TransferCall{"File::read", f, into, at} {}
    void prepare(io_uring_sqe* sqe) noexcept override {
        io_uring_prep_readv(sqe, fd, memory.parts(), static_cast<unsigned>(memory.count()), offset);
        mark(sqe);
    }
    ssize_t transfer(Os& system, int flags) noexcept override {
        return system.read_at(fd, memory.parts(), memory.count(), offset, flags);
    }
};

struct WriteCall final : TransferCall {
    WriteCall(int f, const IoVector& from, std::uint64_t at) noexcept
        : TransferCall{"File::write", f, from, at} {}
    void prepare(io_uring_sqe* sqe) noexcept override {
        io_uring_prep_writev(sqe, fd, memory.parts(), static_cast<unsigned>(memory.count()), offset);
        mark(sqe);
    }
    ssize_t transfer(Os& system, int flags) noexcept override {
        return system.write_at(fd, memory.parts(), memory.count(), offset, flags);
    }
};

struct SyncCall final : FileCall {
    explicit SyncCall(int f) noexcept : FileCall{"File::sync", true}, fd{f} {}
    void prepare(io_uring_sqe* sqe) noexcept override { io_uring_prep_fsync(sqe, fd, 0); }
    ssize_t make_once(Os& system) noexcept override { return system.sync(fd); }

    int fd;
};

/// fd may be AT_FDCWD; path "" with AT_EMPTY_PATH: of fd itself.
struct StatusCall final : FileCall {
    StatusCall(int f, const char* p, int how) noexcept
        : FileCall{"status", false}, fd{f}, path{p}, flags{how} {}
    void prepare(io_uring_sqe* sqe) noexcept override {
        io_uring_prep_statx(sqe, fd, path, flags, STATX_BASIC_STATS, &found);
    }
    ssize_t make_once(Os& system) noexcept override { return system.status(fd, path, flags, &found); }

    int fd;
    const char* path;
    int flags;
    struct statx found {};
};

struct RenameCall final : FileCall {
    RenameCall(const char* f, const char* t) noexcept : FileCall{"rename", false}, from{f}, to{t} {}
    void prepare(io_uring_sqe* sqe) noexcept override {
        io_uring_prep_renameat(sqe, AT_FDCWD, from, AT_FDCWD, to, 0);
    }
    ssize_t make_once(Os& system) noexcept override { return system.rename(from, to); }

    const char* from;
    const char* to;
};

struct RemoveCall final : FileCall {
    RemoveCall(const char* p, bool is_directory) noexcept
        : FileCall{"remove", false}, path{p}, directory{is_directory} {}
    void prepare(io_uring_sqe* sqe) noexcept override {
        io_uring_prep_unlinkat(sqe, AT_FDCWD, path, directory ? AT_REMOVEDIR : 0);
    }
    ssize_t make_once(Os& system) noexcept override { return system.remove(path, directory); }

    const char* path;
    bool directory;
};

struct MakeDirectoryCall final : FileCall {
    MakeDirectoryCall(const char* p, mode_t m) noexcept
        : FileCall{"make_directory", false}, path{p}, mode{m} {}
    void prepare(io_uring_sqe* sqe) noexcept override { io_uring_prep_mkdirat(sqe, AT_FDCWD, path, mode); }
    ssize_t make_once(Os& system) noexcept override { return system.make_directory(path, mode); }

    const char* path;
    mode_t mode;
};

/// What the ring does not know, or takes several calls: always on a thread. f(Os&) gives a result as above.
template <class Function>
struct ThreadCall final : FileCall {
    ThreadCall(const char* name, Function f) noexcept : FileCall{name, false}, function{f} {}
    [[nodiscard]] bool suits_ring() const noexcept override { return false; }
    ssize_t make_once(Os& system) noexcept override { return function(system); }

    Function function;
};

}  // namespace grove::detail
