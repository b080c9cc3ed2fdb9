#pragma once

#include <grove/base/time.hpp>
#include <grove/base/unique_function.hpp>
#include <grove/http/cookie_jar.hpp>
#include <grove/http/message.hpp>
#include <grove/net/address.hpp>
#include <grove/net/tls.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace grove {

namespace detail {
class HttpExchange;
class HttpPool;
}  // namespace detail

namespace http {

/// Why a client gave up. The time-outs equal std::errc::timed_out, too.
enum class ClientErrc {
    connect_timed_out = 1,  ///< ClientOptions::connect_timeout
    header_timed_out,       ///< ClientOptions::header_timeout
    request_timed_out,      ///< ClientOptions::request_timeout
    too_many_redirects,     ///< more than ClientOptions::max_redirects: most often, a loop
    bad_redirect,           ///< its Location is no URL of http or https
    proxy_refused,          ///< the proxy does not connect us to that host
    bad_encoding,           ///< the body is not compressed as its Content-Encoding says
};

[[nodiscard]] const std::error_category& client_category() noexcept;
[[nodiscard]] std::error_code make_error_code(ClientErrc) noexcept;

struct ClientOptions {
    std::size_t connections_per_host = 8;  ///< who finds them all busy waits, first come first served
    std::size_t max_connections = 1024;    ///< to all hosts; idle ones make room for new ones
    std::chrono::milliseconds idle_timeout{30'000};     ///< then an unused connection is closed
    std::chrono::milliseconds connect_timeout{30'000};  ///< for name, connection, proxy and TLS together
    std::chrono::milliseconds header_timeout{60'000};   ///< from the request's end to the response's head
    std::chrono::milliseconds request_timeout = std::chrono::milliseconds::max();  ///< for all of it
    std::size_t max_header_bytes = 64 * 1024;                                      ///< of a response's head
    std::size_t max_body_bytes = 16 << 20;  ///< of a body read whole; counted after it was decompressed
    unsigned max_redirects = 10;            ///< 0: a redirect is a response like others
    std::shared_ptr<CookieJar> cookies{};   ///< takes them and sends them back; by default, nobody does
    bool decompress = true;                 ///< asks for gzip and deflate, and takes them off
    /// For https; by default TlsContext::client(). Its ALPN, if any, has to have "http/1.1".
    std::optional<net::TlsContext> tls{};
    /// "http://user:password@host:port". Empty: none. By default, as http_proxy, https_proxy (or
    /// HTTPS_PROXY), all_proxy and no_proxy say; HTTP_PROXY does not count, since a CGI program's client may
    /// set it.
    std::optional<std::string> proxy{};
    std::optional<net::Endpoint> connect_to{};  ///< whatever the URL's host: a Unix socket, for instance
};

/// What a client is to ask. A body is either text, or made piece by piece.
struct ClientRequest {
    std::string method = "GET";
    std::string url;
    /// Host, Content-Length and Transfer-Encoding are the client's to set, unless Host is given.
    Headers headers{};
    std::string_view body{};  ///< has to stay until the response is there
    /// Fills the span; 0 ends the body. May block and throw. Sent chunked, unless body_length is given. It is
    /// not repeatable: no retry, and a redirect that asks for it again is the response.
    UniqueFunction<std::size_t(std::span<std::byte>)> produce{};
    std::optional<std::uint64_t> body_length{};  ///< of what is produced; less or more is invalid_argument
    bool expect_continue = false;  ///< waits a second for the server to say that it wants the body
};

/// A response whose body is read as it comes in. A ReadStream. It keeps its connection until the body is read
/// to the end; destroyed earlier, it closes it.
class StreamedResponse {
public:
    StreamedResponse() noexcept;
    StreamedResponse(StreamedResponse&&) noexcept;
    StreamedResponse& operator=(StreamedResponse&&) noexcept;
    ~StreamedResponse();

    // Requires: it came from Client::open().
    [[nodiscard]] int status() const noexcept;
    [[nodiscard]] const Headers& headers() const noexcept;
    [[nodiscard]] const std::string& url() const noexcept;               ///< see Response::url
    [[nodiscard]] const Headers& trailers() const noexcept;              ///< complete at the end of the body
    [[nodiscard]] std::optional<std::uint64_t> length() const noexcept;  ///< of the body, if it is known

    /// At least one byte; 0 at the end. Throws Errc::eof if it is cut off, Errc::bad_message,
    /// ClientErrc::bad_encoding. There is no limit but the reader's. Blocks.
    std::size_t read_some(std::span<std::byte> into, Deadline = {});
    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline = {});  ///< Blocks.

private:
    friend class Client;
    explicit StreamedResponse(std::unique_ptr<detail::HttpExchange>) noexcept;

    std::unique_ptr<detail::HttpExchange> exchange_;
};

/// Asks servers, over http and https, and keeps connections open between requests. May be used by many
/// greenlets. User and password in a URL are sent as Basic credentials.
///
/// Redirects are followed; to another origin they take along neither credentials nor cookies. A 303, and a
/// POST's 301 or 302, go on as GET; else method and body stay.
///
/// A kept connection turns out to be dead only in use; then a request that may be repeated (GET, HEAD, PUT,
/// DELETE, OPTIONS, TRACE) is sent once more on a new one. A request that fails or is killed closes its
/// connection.
class Client {
public:
    /// Throws std::invalid_argument if the proxy, or the environment's, is no http:// URL.
    explicit Client(const ClientOptions& = {});
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client();  ///< Requests and bodies under way end with Errc::closed.

    /// A status of 4xx or 5xx is a response, not an error. Throws errc::invalid_argument (the URL), a
    /// ClientErrc, errc::timed_out (the deadline), errc::message_size (head or body past the limit),
    /// Errc::bad_message, Errc::eof (cut off), and whatever connecting and TLS throw. Blocks.
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
    Response request(std::string_view method,
                     std::string_view url,
                     const Headers&,
                     std::string_view body,
                     Deadline = {});  ///< Blocks.
    Response request(std::string_view method,
                     std::string_view url,
                     const Headers&,
                     std::string_view body,
                     std::error_code& ec,
                     Deadline = {});  ///< Blocks.

    /// Sends the request and returns with the response's head. Blocks.
    StreamedResponse open(ClientRequest, Deadline = {});
    StreamedResponse open(ClientRequest, std::error_code& ec, Deadline = {});  ///< Blocks.

private:
    std::shared_ptr<detail::HttpPool> pool_;  // shared with what is under way
};

}  // namespace http
}  // namespace grove

template <>
struct std::is_error_code_enum<grove::http::ClientErrc> : std::true_type {};
