#pragma once

#include <grove/http/server.hpp>
#include <grove/net/address.hpp>

#include "base/log.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace grove::detail {

/// What a line speaks of.
struct AccessLogEntry {
    net::Endpoint peer;
    const http::Request& request;  ///< method and target are empty if nobody could read them
    bool http11;
    int status;  ///< 0: the connection ended before the head was sent
    std::uint64_t bytes;
};

/// Without its end.
[[nodiscard]] std::string access_log_line(const AccessLogEntry&, http::AccessLogFormat);

/// Each line is written at once, so a crash loses none. Any thread.
class AccessLogFile {
public:
    /// Throws std::system_error if it cannot be opened.
    explicit AccessLogFile(const http::AccessLog& options)
        : file_{options.file.string()}, format_{options.format} {}

    void write(const AccessLogEntry& entry) { file_.write(access_log_line(entry, format_)); }

private:
    LogFile file_;
    http::AccessLogFormat format_;
};

}  // namespace grove::detail
