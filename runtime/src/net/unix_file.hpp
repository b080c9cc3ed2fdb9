#pragma once

#include "net/sockaddr.hpp"

#include <sys/types.h>

#include <string>

namespace grove::detail {

/// The file by which a listening Unix socket is found: removed with it, unless another has taken its place.
class UnixFile {
public:
    UnixFile() noexcept = default;  ///< none
    explicit UnixFile(const std::string& path);
    UnixFile(UnixFile&&) noexcept;
    UnixFile& operator=(UnixFile&&) noexcept;
    ~UnixFile();

    /// Removes the file if it is a socket on which nobody listens.
    static bool remove_dead(const SocketAddress&, const std::string& path) noexcept;

private:
    std::string path_;  // empty: none
    dev_t device_ = 0;
    ino_t number_ = 0;
};

}  // namespace grove::detail
