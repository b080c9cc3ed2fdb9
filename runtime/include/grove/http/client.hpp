#pragma once

#include <grove/base/time.hpp>
#include <grove/http/message.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>
#include <system_error>

namespace grove {

namespace detail {
class HttpPool;
}

namespace http {

struct ClientOptions {
    std::size_t connections_per_host = 8;  ///< who finds them all busy waits, first come first served
    std::chrono::milliseconds idle_timeout{30'000};
    std::size_t max_header_bytes = 64 * 1024;
    std::size_t max_body_bytes = 16 << 20;
};

/// Keeps connections open between requests. May be used by many greenlets. http:// only; https:// fails with
/// errc::protocol_not_supported. Redirects are responses like others: follow their Location yourself.
///
/// A kept connection turns out to be dead only in use; then a request that may be repeated (GET, HEAD, PUT,
/// DELETE, OPTIONS, TRACE) is sent once more on a new one. A request that fails or is killed closes its
/// connection.
class Client {
public:
    explicit Client(const ClientOptions& = {});
    ~Client();  ///< Requires: no request is running.

    /// A status of 4xx or 5xx is a response, not an error. Throws errc::invalid_argument (the URL),
    /// errc::timed_out, errc::message_size (head or body past the limit), Errc::bad_message, Errc::eof (cut
    /// off), and whatever connecting throws. Blocks.
    Response get(std::string_view url, Deadline = {});
    Response get(std::string_view url, std::error_code& ec, Deadline = {});  ///< Blocks.
    Response post(std::string_view url,
                  std::string_view body,
                  const Headers& = {},
                  Deadline = {});  ///< Blocks.
    Response post(std::string_view url,
                  std::string_view body,
                  const Headers&,
                  std::error_code& ec,
                  Deadline = {});  ///< Blocks.
    /// Host, Content-Length and Transfer-Encoding are the client's to set, unless Host is given. Blocks.
    Response request(
        std::string_view method, std::string_view url, const Headers&, std::string_view body, Deadline = {});
    Response request(std::string_view method,
                     std::string_view url,
                     const Headers&,
                     std::string_view body,
                     std::error_code& ec,
                     Deadline = {});  ///< Blocks.

private:
    std::unique_ptr<detail::HttpPool> pool_;
};

}  // namespace http
}  // namespace grove
