#include <grove/io/file.hpp>

#include "io/file_service.hpp"
#include "io/file_state.hpp"
#include "io/unique_fd.hpp"

#include <fcntl.h>
#include <type_traits>

namespace grove {

namespace {

// The umask takes away from it, as for every program's files.
constexpr mode_t usual_mode = 0666;

int flags_of(OpenMode mode) noexcept {
    switch (mode) {
        case OpenMode::read:
            return O_RDONLY;
        case OpenMode::write:
            return O_WRONLY | O_CREAT | O_TRUNC;
        case OpenMode::append:
            return O_WRONLY | O_CREAT | O_APPEND;
        case OpenMode::read_write:
            return O_RDWR | O_CREAT;
        case OpenMode::create_new:
            break;
    }
    return O_RDWR | O_CREAT | O_EXCL;
}

/// For calls on a File that is not open.
std::size_t not_open(std::error_code& ec) noexcept {
    ec = Errc::closed;
    return 0;
}

/// A call that throws and names the file, which may be destroyed meanwhile.
class Named {
public:
    Named(const char* operation, detail::FileState* file) noexcept : operation_{operation}, file_{file} {
        if (file_) file_->pin();
    }
    ~Named() {
        if (file_) file_->unpin();
    }
    Named(const Named&) = delete;
    Named& operator=(const Named&) = delete;

    void throw_if(const std::error_code& ec) const {
        if (ec) throw std::system_error{ec, std::string{operation_} + (file_ ? " " + file_->path() : "")};
    }

private:
    const char* operation_;
    detail::FileState* file_;
};

/// What f(ec) gives; throws if it set ec.
template <class Function>
auto named(const char* operation, detail::FileState* file, Function f) {
    const Named call{operation, file};
    std::error_code ec;
    if constexpr (std::is_void_v<decltype(f(ec))>) {
        f(ec);
        call.throw_if(ec);
    } else {
        const auto result = f(ec);
        call.throw_if(ec);
        return result;
    }
}

}  // namespace

File File::open(const std::filesystem::path& path, OpenMode mode) {
    std::error_code ec;
    File file = open(path, ec, mode);
    if (ec) throw std::system_error{ec, "open " + path.native()};
    return file;
}

File File::open(const std::filesystem::path& path, std::error_code& ec, OpenMode mode) {
    if (!detail::is_name(path, ec)) return {};
    std::string name = path.native();  // before there is a descriptor that could be lost
    detail::OpenCall call{path.c_str(), flags_of(mode), usual_mode};
    const ssize_t fd = detail::perform(call);
    detail::conclude(fd, ec);
    if (ec) return {};
    return File{new detail::FileState{static_cast<int>(fd), std::move(name), mode != OpenMode::read}};
}

File File::adopt(int fd) {
    detail::UniqueFd ours{fd};
    auto* const state = new detail::FileState{fd, "descriptor " + std::to_string(fd), false};
    (void)ours.release();
    return File{state};
}

std::size_t File::read_some(std::span<std::byte> into, Deadline by) {
    return named("read", state_.get(), [&](std::error_code& ec) { return read_some(into, ec, by); });
}

std::size_t File::read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    return state_ ? state_->read_some({into.data(), into.size()}, ec, by) : not_open(ec);
}

std::size_t File::read_some(Places into, Deadline by) {
    return named("read", state_.get(), [&](std::error_code& ec) { return read_some(into, ec, by); });
}

std::size_t File::read_some(Places into, std::error_code& ec, Deadline by) {
    return state_ ? state_->read_some(detail::IoVector{into}, ec, by) : not_open(ec);
}

std::size_t File::write_some(std::span<const std::byte> from, Deadline by) {
    return named("write", state_.get(), [&](std::error_code& ec) { return write_some(from, ec, by); });
}

std::size_t File::write_some(std::span<const std::byte> from, std::error_code& ec, Deadline by) {
    return state_ ? state_->write_some({from.data(), from.size()}, ec, by) : not_open(ec);
}

std::size_t File::write_some(Pieces from, Deadline by) {
    return named("write", state_.get(), [&](std::error_code& ec) { return write_some(from, ec, by); });
}

std::size_t File::write_some(Pieces from, std::error_code& ec, Deadline by) {
    return state_ ? state_->write_some(detail::IoVector{from}, ec, by) : not_open(ec);
}

std::size_t File::read_at(std::uint64_t offset, std::span<std::byte> into) {
    return named("read", state_.get(), [&](std::error_code& ec) { return read_at(offset, into, ec); });
}

std::size_t File::read_at(std::uint64_t offset, std::span<std::byte> into, std::error_code& ec) {
    return state_ ? state_->read_at(offset, {into.data(), into.size()}, ec, {}) : not_open(ec);
}

std::size_t File::read_at(std::uint64_t offset, Places into) {
    return named("read", state_.get(), [&](std::error_code& ec) { return read_at(offset, into, ec); });
}

std::size_t File::read_at(std::uint64_t offset, Places into, std::error_code& ec) {
    return state_ ? state_->read_at(offset, detail::IoVector{into}, ec, {}) : not_open(ec);
}

std::size_t File::write_at(std::uint64_t offset, std::span<const std::byte> from) {
    return named("write", state_.get(), [&](std::error_code& ec) { return write_at(offset, from, ec); });
}

std::size_t File::write_at(std::uint64_t offset, std::span<const std::byte> from, std::error_code& ec) {
    return state_ ? state_->write_at(offset, {from.data(), from.size()}, ec, {}) : not_open(ec);
}

std::size_t File::write_at(std::uint64_t offset, Pieces from) {
    return named("write", state_.get(), [&](std::error_code& ec) { return write_at(offset, from, ec); });
}

std::size_t File::write_at(std::uint64_t offset, Pieces from, std::error_code& ec) {
    return state_ ? state_->write_at(offset, detail::IoVector{from}, ec, {}) : not_open(ec);
}

std::uint64_t File::position() const noexcept {
    return state_ ? state_->position : 0;
}

void File::seek(std::uint64_t position) noexcept {
    if (state_) state_->position = position;
}

std::uint64_t File::size() const {
    return named("size of", state_.get(), [&](std::error_code& ec) { return size(ec); });
}

std::uint64_t File::size(std::error_code& ec) const {
    if (!state_) return not_open(ec);
    std::uint64_t bytes = 0;
    state_->use(ec, [&](int fd) {
        detail::StatusCall call{fd, "", AT_EMPTY_PATH};
        const ssize_t result = detail::perform(call);
        bytes = call.found.stx_size;
        return result;
    });
    return ec ? 0 : bytes;
}

void File::resize(std::uint64_t bytes) {
    named("resize", state_.get(), [&](std::error_code& ec) { resize(bytes, ec); });
}

void File::resize(std::uint64_t bytes, std::error_code& ec) {
    if (!state_) return void(not_open(ec));
    state_->use(ec, [bytes](int fd) {
        detail::ThreadCall call{"File::resize",
                                [=](detail::Os& system) -> ssize_t { return system.truncate(fd, bytes); }};
        return detail::perform(call);
    });
}

void File::sync() {
    named("sync", state_.get(), [&](std::error_code& ec) { sync(ec); });
}

void File::sync(std::error_code& ec) {
    if (!state_) return void(not_open(ec));
    state_->use(ec, [](int fd) {
        detail::SyncCall call{fd};
        return detail::perform(call);
    });
}

void File::close() {
    named("close", state_.get(), [&](std::error_code& ec) { close(ec); });
}

void File::close(std::error_code& ec) {
    state_ ? state_->close(ec) : void(not_open(ec));
}

int File::native_handle() const noexcept {
    return state_ ? state_->fd() : -1;
}

}  // namespace grove
