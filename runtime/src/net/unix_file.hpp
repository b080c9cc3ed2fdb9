#pragma once

#include "net/sockaddr.hpp"

#include <sys/types.h>

#include <string>
#include <system_error>

namespace grove::detail {

/// The file by which a Unix socket is found: removed with it, unless another has taken its place.
class UnixFile {
public:
    UnixFile() noexcept = default;  ///< none
    explicit UnixFile(const std::string& path);
    UnixFile(UnixFile&&) noexcept;
    UnixFile& operator=(UnixFile&&) noexcept;
    ~UnixFile();
    void forget() noexcept { path_.clear(); }  ///< somebody else removes it

private:
    std::string path_;  // empty: none
    dev_t device_ = 0;
    ino_t number_ = 0;
};

/// The file of a Unix socket that is in the way is removed if nobody answers there any more. type:
/// SOCK_STREAM or SOCK_DGRAM.
void bind_socket(int fd, int type, const net::Endpoint&, const SocketAddress&, std::error_code& ec);

}  // namespace grove::detail
