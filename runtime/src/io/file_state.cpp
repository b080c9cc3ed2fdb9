#include "io/file_state.hpp"

#include <grove/core/gil.hpp>
#include <grove/core/runtime.hpp>

#include "base/log.hpp"
#include "io/file_service.hpp"

#include <cerrno>
#include <cstdint>
#include <limits>

namespace grove::detail {

namespace {

std::size_t fail(std::error_code& ec, std::error_code why) noexcept {
    ec = why;
    return 0;
}

}  // namespace

// --- reading and writing ----------------------------------------------------------------------------

template <class Call>
std::size_t FileState::transfer(Call&& call, bool& at_once, std::error_code& ec, Deadline by) {
    if (closed_) return fail(ec, Errc::closed);
    Scheduler* const scheduler = Scheduler::here();
    if (at_once && scheduler && !scheduler->io_spent()) {
        const ssize_t count = call.make_at_once(os());
        if (count >= 0) {
            scheduler->spend_io(static_cast<std::size_t>(count));
            ec.clear();
            return static_cast<std::size_t>(count);
        }
        if (count == -EOPNOTSUPP) at_once = false;  // nor will it ever
    }
    const User user{*this};
    const ssize_t result = transfer_slow(call, at_once, by);
    return result == -EBADF && closed_ ? fail(ec, Errc::closed) : conclude(result, ec);
}

/// Failures of the attempt are not looked at: the call itself will meet them again.
template <class Call>
ssize_t FileState::transfer_slow(Call& call, bool& at_once, Deadline by) {
    Scheduler* const scheduler = Scheduler::here();
    const bool tried = scheduler && !scheduler->io_spent();
    if (!scheduler) checkpoint();  // another thread may wait for the Gil this one holds
    if (scheduler && !tried) yield();
    if (closed_) return -EBADF;
    if (at_once && !tried) {
        const ssize_t count = call.make_at_once(os());
        if (count >= 0) {
            if (scheduler) scheduler->spend_io(static_cast<std::size_t>(count));
            return count;
        }
    }
    if (by.passed()) return -ETIMEDOUT;
    return perform(call, by);
}

namespace {

/// The kernel takes the largest of all for "wherever the descriptor stands".
bool is_offset(std::uint64_t offset) noexcept {
    return offset <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
}

}  // namespace

std::size_t FileState::read_at(std::uint64_t offset, const IoVector& into, std::error_code& ec, Deadline by) {
    if (!is_offset(offset)) return fail(ec, std::make_error_code(std::errc::invalid_argument));
    return transfer(ReadCall{fd_, into, offset}, reads_at_once_, ec, by);
}

std::size_t FileState::write_at(std::uint64_t offset,
                                const IoVector& from,
                                std::error_code& ec,
                                Deadline by) {
    if (!is_offset(offset)) return fail(ec, std::make_error_code(std::errc::invalid_argument));
    return transfer(WriteCall{fd_, from, offset}, writes_at_once_, ec, by);
}

template <class Transfer>
std::size_t FileState::move(std::error_code& ec, Transfer&& transfer) {
    if (moving_) return fail(ec, Errc::concurrent_use);
    struct Hold {
        explicit Hold(bool& f) noexcept : flag{f} { flag = true; }
        ~Hold() { flag = false; }
        bool& flag;
    };
    const User user{*this};
    const Hold hold{moving_};
    const std::size_t count = transfer();
    position += count;
    return count;
}

std::size_t FileState::read_some(const IoVector& into, std::error_code& ec, Deadline by) {
    return move(ec, [&] { return read_at(position, into, ec, by); });
}

std::size_t FileState::write_some(const IoVector& from, std::error_code& ec, Deadline by) {
    return move(ec, [&] { return write_at(position, from, ec, by); });
}

// --- the end ----------------------------------------------------------------------------------------

void FileState::close(std::error_code& ec) {
    if (closed_) return void(fail(ec, Errc::closed));
    const User user{*this};
    closed_ = true;
    while (users_ > 1) detail::wait(unused_, {}, "File::close");
    CloseCall call{fd_};
    // Who only read has nothing left to be written: that does not wait.
    const ssize_t result = writes_ ? perform(call) : call.make(os());
    fd_ = -1;
    conclude(result, ec);
}

void FileState::abandon() noexcept {
    closed_ = true;
    if (users_ == 0) return end();
    orphaned_ = true;
}

/// A user is gone.
void FileState::left_closed() noexcept {
    if (users_ == 0 && orphaned_) return end();
    unused_.notify_all();
}

void FileState::end() noexcept {
    if (fd_ >= 0) {
        if (const int result = os().close(fd_); result < 0) {
            log(Level::error, "close " + path_ + ": " + std::generic_category().message(-result));
        }
    }
    ended_ = true;
    if (pins_ == 0) delete this;
}

void CloseFile::operator()(FileState* file) const noexcept {
    file->abandon();
}

}  // namespace grove::detail
