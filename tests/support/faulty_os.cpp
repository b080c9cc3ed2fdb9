#include "support/faulty_os.hpp"

#include <algorithm>

namespace grove::testing {

// --- the script -----------------------------------------------------------------------------------

void FaultyOs::fail(Call call, int nth, int error, int times) {
    faults_.push_back({.call = call, .first = nth, .times = times, .error = error, .bytes = 0});
}

void FaultyOs::shorten(Call call, int nth, std::size_t bytes, int times) {
    faults_.push_back({.call = call, .first = nth, .times = times, .error = 0, .bytes = bytes});
}

FaultyOs::Next FaultyOs::next(Call call, std::size_t bytes) noexcept {
    const int nth = ++counts_[static_cast<std::size_t>(call)];
    for (const Fault& fault : faults_) {
        if (fault.call != call || nth < fault.first || nth - fault.first >= fault.times) continue;
        return {fault.error, fault.error == 0 ? std::min(bytes, fault.bytes) : bytes};
    }
    return {0, bytes};
}

std::pair<int, std::vector<iovec>> FaultyOs::next_vector(Call call,
                                                         const iovec* parts,
                                                         std::size_t count) noexcept {
    std::vector<iovec> kept{parts, parts + count};
    std::size_t size = 0;
    for (const iovec& part : kept) size += part.iov_len;
    auto [error, left] = next(call, size);
    for (iovec& part : kept) {
        part.iov_len = std::min(part.iov_len, left);
        left -= part.iov_len;
    }
    return {error, std::move(kept)};
}

// --- the calls that carry bytes -------------------------------------------------------------------

ssize_t FaultyOs::receive(int fd, void* into, std::size_t size) noexcept {
    const auto [error, most] = next(Call::receive, size);
    return error ? -error : real_.receive(fd, into, most);
}

ssize_t FaultyOs::send(int fd, const void* from, std::size_t size) noexcept {
    const auto [error, most] = next(Call::send, size);
    return error ? -error : real_.send(fd, from, most);
}

ssize_t FaultyOs::send_vector(int fd, const iovec* parts, std::size_t count) noexcept {
    const auto [error, kept] = next_vector(Call::send_vector, parts, count);
    return error ? -error : real_.send_vector(fd, kept.data(), kept.size());
}

ssize_t FaultyOs::receive_from(
    int fd, void* into, std::size_t size, sockaddr* peer, socklen_t* peer_size) noexcept {
    const auto [error, most] = next(Call::receive_from, size);
    return error ? -error : real_.receive_from(fd, into, most, peer, peer_size);
}

ssize_t FaultyOs::send_to(
    int fd, const void* from, std::size_t size, const sockaddr* peer, socklen_t peer_size) noexcept {
    const auto [error, most] = next(Call::send_to, size);
    return error ? -error : real_.send_to(fd, from, most, peer, peer_size);
}

int FaultyOs::receive_batch(int fd, mmsghdr* messages, unsigned count) noexcept {
    const auto [error, most] = next(Call::receive_batch, count);
    return error ? -error : real_.receive_batch(fd, messages, static_cast<unsigned>(most));
}

int FaultyOs::send_batch(int fd, mmsghdr* messages, unsigned count) noexcept {
    const auto [error, most] = next(Call::send_batch, count);
    return error ? -error : real_.send_batch(fd, messages, static_cast<unsigned>(most));
}

ssize_t FaultyOs::read(int fd, void* into, std::size_t size) noexcept {
    const auto [error, most] = next(Call::read, size);
    return error ? -error : real_.read(fd, into, most);
}

ssize_t FaultyOs::write(int fd, const void* from, std::size_t size) noexcept {
    const auto [error, most] = next(Call::write, size);
    return error ? -error : real_.write(fd, from, most);
}

// --- the others -----------------------------------------------------------------------------------

int FaultyOs::socket(int family, int type, int protocol) noexcept {
    const int error = next(Call::socket).error;
    return error ? -error : real_.socket(family, type, protocol);
}

int FaultyOs::socketpair(int family, int type, int protocol, int fds[2]) noexcept {
    const int error = next(Call::socketpair).error;
    return error ? -error : real_.socketpair(family, type, protocol, fds);
}

int FaultyOs::bind(int fd, const sockaddr* name, socklen_t size) noexcept {
    const int error = next(Call::bind).error;
    return error ? -error : real_.bind(fd, name, size);
}

int FaultyOs::listen(int fd, int backlog) noexcept {
    const int error = next(Call::listen).error;
    return error ? -error : real_.listen(fd, backlog);
}

int FaultyOs::accept(int fd, sockaddr* peer, socklen_t* size) noexcept {
    const int error = next(Call::accept).error;
    return error ? -error : real_.accept(fd, peer, size);
}

int FaultyOs::connect(int fd, const sockaddr* peer, socklen_t size) noexcept {
    const int error = next(Call::connect).error;
    return error ? -error : real_.connect(fd, peer, size);
}

int FaultyOs::shutdown(int fd, int how) noexcept {
    const int error = next(Call::shutdown).error;
    return error ? -error : real_.shutdown(fd, how);
}

// Linux closes the descriptor whatever close() returns.
int FaultyOs::close(int fd) noexcept {
    const int error = next(Call::close).error;
    const int result = real_.close(fd);
    return error ? -error : result;
}

int FaultyOs::set_option(int fd, int level, int name, const void* value, socklen_t size) noexcept {
    const int error = next(Call::set_option).error;
    return error ? -error : real_.set_option(fd, level, name, value, size);
}

int FaultyOs::get_option(int fd, int level, int name, void* value, socklen_t* size) noexcept {
    const int error = next(Call::get_option).error;
    return error ? -error : real_.get_option(fd, level, name, value, size);
}

int FaultyOs::local_name(int fd, sockaddr* name, socklen_t* size) noexcept {
    const int error = next(Call::local_name).error;
    return error ? -error : real_.local_name(fd, name, size);
}

int FaultyOs::peer_name(int fd, sockaddr* name, socklen_t* size) noexcept {
    const int error = next(Call::peer_name).error;
    return error ? -error : real_.peer_name(fd, name, size);
}

int FaultyOs::set_non_blocking(int fd, bool on) noexcept {
    const int error = next(Call::set_non_blocking).error;
    return error ? -error : real_.set_non_blocking(fd, on);
}

int FaultyOs::poll(pollfd* fds, nfds_t count, Deadline by) noexcept {
    const int error = next(Call::poll).error;
    return error ? -error : real_.poll(fds, count, by);
}

// --- pipes and processes --------------------------------------------------------------------------

int FaultyOs::duplicate(int fd, int at_least) noexcept {
    const int error = next(Call::duplicate).error;
    return error ? -error : real_.duplicate(fd, at_least);
}

int FaultyOs::pipe(int fds[2]) noexcept {
    const int error = next(Call::pipe).error;
    return error ? -error : real_.pipe(fds);
}

int FaultyOs::spawn(pid_t* pid,
                    const char* file,
                    const posix_spawn_file_actions_t* actions,
                    char* const argv[],
                    char* const environment[]) noexcept {
    const int error = next(Call::spawn).error;
    return error ? -error : real_.spawn(pid, file, actions, argv, environment);
}

int FaultyOs::open_process(pid_t pid) noexcept {
    const int error = next(Call::open_process).error;
    return error ? -error : real_.open_process(pid);
}

int FaultyOs::signal_process(int pidfd, int signal) noexcept {
    const int error = next(Call::signal_process).error;
    return error ? -error : real_.signal_process(pidfd, signal);
}

int FaultyOs::reap_process(int pidfd, siginfo_t* end) noexcept {
    const int error = next(Call::reap_process).error;
    return error ? -error : real_.reap_process(pidfd, end);
}

// --- files ----------------------------------------------------------------------------------------

int FaultyOs::open(const char* path, int flags, mode_t mode) noexcept {
    const int error = next(Call::open).error;
    return error ? -error : real_.open(path, flags, mode);
}

int FaultyOs::open_at(int directory, const char* path, int flags, std::uint64_t resolve) noexcept {
    const int error = next(Call::open_at).error;
    return error ? -error : real_.open_at(directory, path, flags, resolve);
}

ssize_t FaultyOs::read_at(
    int fd, const iovec* parts, std::size_t count, std::uint64_t offset, int flags) noexcept {
    const auto [error, kept] = next_vector(Call::read_at, parts, count);
    return error ? -error : real_.read_at(fd, kept.data(), kept.size(), offset, flags);
}

ssize_t FaultyOs::write_at(
    int fd, const iovec* parts, std::size_t count, std::uint64_t offset, int flags) noexcept {
    const auto [error, kept] = next_vector(Call::write_at, parts, count);
    return error ? -error : real_.write_at(fd, kept.data(), kept.size(), offset, flags);
}

ssize_t FaultyOs::send_file(int socket, int file, std::uint64_t offset, std::size_t size) noexcept {
    const auto [error, most] = next(Call::send_file, size);
    return error ? -error : real_.send_file(socket, file, offset, most);
}

int FaultyOs::sync(int fd) noexcept {
    const int error = next(Call::sync).error;
    return error ? -error : real_.sync(fd);
}

int FaultyOs::truncate(int fd, std::uint64_t size) noexcept {
    const int error = next(Call::truncate).error;
    return error ? -error : real_.truncate(fd, size);
}

int FaultyOs::set_mode(int fd, mode_t mode) noexcept {
    const int error = next(Call::set_mode).error;
    return error ? -error : real_.set_mode(fd, mode);
}

int FaultyOs::status(int fd, const char* path, int flags, struct statx* into) noexcept {
    const int error = next(Call::status).error;
    return error ? -error : real_.status(fd, path, flags, into);
}

int FaultyOs::rename(const char* from, const char* to) noexcept {
    const int error = next(Call::rename).error;
    return error ? -error : real_.rename(from, to);
}

int FaultyOs::remove(const char* path, bool directory) noexcept {
    const int error = next(Call::remove).error;
    return error ? -error : real_.remove(path, directory);
}

int FaultyOs::make_directory(const char* path, mode_t mode) noexcept {
    const int error = next(Call::make_directory).error;
    return error ? -error : real_.make_directory(path, mode);
}

ssize_t FaultyOs::list(int fd, void* into, std::size_t size) noexcept {
    const int error = next(Call::list).error;
    return error ? -error : real_.list(fd, into, size);
}

}  // namespace grove::testing
