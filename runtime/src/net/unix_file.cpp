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

bool UnixFile::remove_dead(const SocketAddress& address, const std::string& path) noexcept {
    struct stat found {};
    if (!is_socket(path, found)) return false;
    std::error_code ec;
    const UniqueFd probe = open_socket(AF_UNIX, SOCK_STREAM, ec);
    if (ec || os().connect(probe.get(), address.get(), address.size()) != -ECONNREFUSED) return false;
    return ::unlink(path.c_str()) == 0;
}

}  // namespace grove::detail
