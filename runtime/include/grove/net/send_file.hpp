#pragma once

#include <grove/base/time.hpp>
#include <grove/io/file.hpp>
#include <grove/net/socket.hpp>

#include <cstdint>
#include <system_error>

namespace grove::net {

/// A part of a file, in bytes.
struct FileRange {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

/// Sends a part of a file, without a detour through this program's memory if it is large (sendfile). Native
/// threads do it, so that a cold page keeps nobody but the caller waiting; who closes the socket or the file
/// meanwhile ends it. Throws Errc::eof if the file ends first. A deadline or a kill ends it between two
/// pieces of at most 4 MiB; a disk may take its time. Blocks.
void send_file(Socket&, File&, const FileRange&, Deadline = {});
/// Returns how many bytes went out; fewer than asked exactly if ec is set. Blocks.
std::uint64_t send_file(Socket&, File&, const FileRange&, std::error_code& ec, Deadline = {});

}  // namespace grove::net
