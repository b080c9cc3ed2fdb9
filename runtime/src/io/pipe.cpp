#include <grove/core/offload.hpp>
#include <grove/io/pipe.hpp>
#include <grove/io/stream.hpp>

#include "io/pipe_state.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace grove {

static_assert(ReadStream<ReadPipe> && WriteStream<WritePipe>);

namespace detail {

namespace {

[[noreturn]] void throw_failed(const char* what, std::error_code ec) {
    throw std::system_error{ec, what};
}

UniqueFd checked_fd(int result, const char* what) {
    std::error_code ec;
    UniqueFd fd{checked(result, ec)};
    if (ec) throw_failed(what, ec);
    return fd;
}

mode_t type_of(int fd) noexcept {
    struct stat about {};
    return ::fstat(fd, &about) == 0 ? about.st_mode & S_IFMT : 0;
}

/// In a true pipe a short count shows that there is no more. A terminal gives one line at a time, an inotify
/// instance whole records, a pipe of packets one of them.
Descriptor::Kind kind_of(int fd) noexcept {
    const bool bytes = type_of(fd) == S_IFIFO && !(::fcntl(fd, F_GETFL) & O_DIRECT);
    return bytes ? Descriptor::Kind::stream : Descriptor::Kind::record_stream;
}

/// -EAGAIN unless poll(2) says that the call would not block.
ssize_t look_first(int fd, short events) noexcept {
    pollfd entry{.fd = fd, .events = events, .revents = 0};
    const int ready = os().poll(&entry, 1, Clock::time_point{});
    return ready == 0 ? -EAGAIN : ready;
}

/// transfer(fd) for a descriptor; where that may block, poll(2) is asked before.
template <class F>
auto pipe_call(const char* what, std::size_t size, const PipeState& pipe, short events, F transfer) noexcept {
    const bool polled = pipe.mode() == PipeMode::polled;
    return IoCall{what, size, [=](int fd) noexcept {
                      const ssize_t ready = polled ? look_first(fd, events) : 1;
                      return ready < 0 ? ready : transfer(fd);
                  }};
}

/// On the pool, with a number of its own: this greenlet's may be closed meanwhile.
template <class F>
std::size_t on_pool(int fd, std::error_code& ec, F f) {
    const UniqueFd ours{checked(os().duplicate(fd, 0), ec)};
    if (ec) return 0;
    const ssize_t result = offload([&]() -> ssize_t {
        for (;;) {
            const ssize_t n = f(ours.get());
            if (n != -EINTR) return n;
        }
    });
    ec = result < 0 ? std::error_code{static_cast<int>(-result), std::generic_category()} : std::error_code{};
    return result < 0 ? 0 : static_cast<std::size_t>(result);
}

std::size_t closed_pipe(std::error_code& ec) noexcept {
    ec = Errc::closed;
    return 0;
}

int release(std::unique_ptr<PipeState, CloseDescriptor>& state) noexcept {
    const int fd = state ? state->release() : -1;
    state.reset();
    return fd;
}

}  // namespace

template <class P>
P PipeAccess::make(UniqueFd fd, PipeMode mode) {
    auto* const state = new PipeState{fd.get(), kind_of(fd.get()), mode};
    (void)fd.release();
    return P{state};
}
template ReadPipe PipeAccess::make<ReadPipe>(UniqueFd, PipeMode);
template WritePipe PipeAccess::make<WritePipe>(UniqueFd, PipeMode);

void set_non_blocking(int fd, bool on) {
    std::error_code ec;
    checked(os().set_non_blocking(fd, on), ec);
    if (ec) throw_failed("pipe", ec);
}

namespace {

template <class P>
P adopt(int fd) {
    UniqueFd ours{fd};
    const bool regular = type_of(fd) == S_IFREG;
    if (!regular) set_non_blocking(fd, true);
    return PipeAccess::make<P>(std::move(ours), regular ? PipeMode::pooled : PipeMode::non_blocking);
}

template <class P>
P standard_stream(int number, int direction, const char* name) {
    const mode_t type = type_of(number);
    // Opened again, a regular file would begin at its beginning; and a socket cannot be.
    if (type == S_IFIFO || type == S_IFCHR) {
        const std::string path = "/proc/self/fd/" + std::to_string(number);
        const int fd = ::open(path.c_str(), direction | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (fd >= 0) return PipeAccess::make<P>(UniqueFd{fd}, PipeMode::non_blocking);
    }
    UniqueFd fd = checked_fd(os().duplicate(number, STDERR_FILENO + 1), name);
    return PipeAccess::make<P>(std::move(fd), type == S_IFREG ? PipeMode::pooled : PipeMode::polled);
}

}  // namespace
}  // namespace detail

using detail::os;
using detail::PipeMode;

// --- Reading --------------------------------------------------------------------------------------

ReadPipe::ReadPipe() noexcept = default;
ReadPipe::ReadPipe(detail::PipeState* state) noexcept : state_{state} {}
ReadPipe::ReadPipe(ReadPipe&&) noexcept = default;
ReadPipe& ReadPipe::operator=(ReadPipe&&) noexcept = default;
ReadPipe::~ReadPipe() = default;

ReadPipe ReadPipe::adopt(int fd) {
    return detail::adopt<ReadPipe>(fd);
}

std::size_t ReadPipe::read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    if (into.empty()) return ec.clear(), 0;
    if (!state_) return detail::closed_pipe(ec);
    const auto read = [into](int fd) noexcept { return os().read(fd, into.data(), into.size()); };
    if (state_->mode() == PipeMode::pooled) return detail::on_pool(state_->fd(), ec, read);
    return state_->read(detail::pipe_call("ReadPipe::read_some", into.size(), *state_, POLLIN, read), ec, by);
}

std::size_t ReadPipe::read_some(std::span<std::byte> into, Deadline by) {
    std::error_code ec;
    const std::size_t n = read_some(into, ec, by);
    if (ec) detail::throw_failed("ReadPipe::read_some", ec);
    return n;
}

void ReadPipe::close() noexcept {
    state_.reset();
}

int ReadPipe::native_handle() const noexcept {
    return state_ ? state_->fd() : -1;
}

int ReadPipe::release() noexcept {
    return detail::release(state_);
}

// --- Writing --------------------------------------------------------------------------------------

WritePipe::WritePipe() noexcept = default;
WritePipe::WritePipe(detail::PipeState* state) noexcept : state_{state} {}
WritePipe::WritePipe(WritePipe&&) noexcept = default;
WritePipe& WritePipe::operator=(WritePipe&&) noexcept = default;
WritePipe::~WritePipe() = default;

WritePipe WritePipe::adopt(int fd) {
    return detail::adopt<WritePipe>(fd);
}

std::size_t WritePipe::write_some(std::span<const std::byte> from, std::error_code& ec, Deadline by) {
    if (from.empty()) return ec.clear(), 0;
    if (!state_) return detail::closed_pipe(ec);
    // That much a pipe takes at once when poll(2) says that it takes anything.
    if (state_->mode() == PipeMode::polled) from = from.first(std::min<std::size_t>(from.size(), PIPE_BUF));
    const auto write = [from](int fd) noexcept { return os().write(fd, from.data(), from.size()); };
    if (state_->mode() == PipeMode::pooled) return detail::on_pool(state_->fd(), ec, write);
    return state_->write(
        detail::pipe_call("WritePipe::write_some", from.size(), *state_, POLLOUT, write), ec, by);
}

std::size_t WritePipe::write_some(std::span<const std::byte> from, Deadline by) {
    std::error_code ec;
    const std::size_t n = write_some(from, ec, by);
    if (ec) detail::throw_failed("WritePipe::write_some", ec);
    return n;
}

void WritePipe::close() noexcept {
    state_.reset();
}

int WritePipe::native_handle() const noexcept {
    return state_ ? state_->fd() : -1;
}

int WritePipe::release() noexcept {
    return detail::release(state_);
}

// --- Making them ----------------------------------------------------------------------------------

std::pair<ReadPipe, WritePipe> make_pipe() {
    int fds[2];
    std::error_code ec;
    detail::checked(os().pipe(fds), ec);
    if (ec) detail::throw_failed("make_pipe", ec);
    detail::UniqueFd reading{fds[0]};
    detail::UniqueFd writing{fds[1]};
    detail::set_non_blocking(fds[0], true);
    detail::set_non_blocking(fds[1], true);
    return {detail::PipeAccess::make<ReadPipe>(std::move(reading), PipeMode::non_blocking),
            detail::PipeAccess::make<WritePipe>(std::move(writing), PipeMode::non_blocking)};
}

ReadPipe standard_input() {
    return detail::standard_stream<ReadPipe>(STDIN_FILENO, O_RDONLY, "standard_input");
}

WritePipe standard_output() {
    return detail::standard_stream<WritePipe>(STDOUT_FILENO, O_WRONLY, "standard_output");
}

WritePipe standard_error() {
    return detail::standard_stream<WritePipe>(STDERR_FILENO, O_WRONLY, "standard_error");
}

}  // namespace grove
