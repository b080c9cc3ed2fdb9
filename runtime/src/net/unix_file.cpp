#include "net/unix_file.hpp"

#include "net/socket_state.hpp"

#include <sys/stat.h>

#include <unistd.h>
#include <utility>

namespace grove::detail {

namespace {

bool is_socket(const std::string& path, struct stat& found) noexcept {
    return !path.empty() && !path.starts_with('@') && ::lstat(path.c_str(), &found) == 0 &&
           S_ISSOCK(found.st_mode);
}

/// Removes the file if it is a socket at which nobody answers. One of another type is left alone.
bool remove_dead(int type, const SocketAddress& address, const std::string& path) noexcept {
    struct stat found {};
    if (!is_socket(path, found)) return false;
    std::error_code ec;
    const UniqueFd probe = open_socket(AF_UNIX, type, ec);
    if (ec || os().connect(probe.get(), address.get(), address.size()) != -ECONNREFUSED) return false;
    return ::unlink(path.c_str()) == 0;
}

}  // namespace

UnixFile::UnixFile(const std::string& path) {
    struct stat found {};
    if (!is_socket(path, found)) return;
    path_ = path;
    device_ = found.st_dev;
    number_ = found.st_ino;
}

UnixFile::UnixFile(UnixFile&& other) noexcept
    : path_{std::exchange(other.path_, {})}, device_{other.device_}, number_{other.number_} {}

UnixFile& UnixFile::operator=(UnixFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(device_, other.device_);
    std::swap(number_, other.number_);
    return *this;
}

UnixFile::~UnixFile() {
    struct stat found {};
    if (is_socket(path_, found) && found.st_dev == device_ && found.st_ino == number_)
        ::unlink(path_.c_str());
}

void bind_socket(
    int fd, int type, const net::Endpoint& at, const SocketAddress& address, std::error_code& ec) {
    checked(os().bind(fd, address.get(), address.size()), ec);
    if (ec == std::errc::address_in_use && at.is_unix() && remove_dead(type, address, at.path())) {
        checked(os().bind(fd, address.get(), address.size()), ec);
    }
}

}  // namespace grove::detail
