#pragma once

#include <grove/base/time.hpp>
#include <grove/base/unique_function.hpp>
#include <grove/http/message.hpp>
#include <grove/io/file.hpp>
#include <grove/net/server.hpp>
#include <grove/net/tls.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace grove {

namespace detail {
class HttpConnection;
class HttpServerState;
class ResponseStream;
struct HttpAccess;
}  // namespace detail

namespace http {

/// Sends one response: set status and headers, then write. The first write sends the head;
/// without a Content-Length the body is chunked. Leaving the handler finishes it.
///
/// The framing is grove's: Transfer-Encoding is ignored, and of Connection only "close" counts. The answer to
/// a HEAD request, a 204 and a 304 have no body: what is written to them is dropped. A handler that writes
/// more or less than the Content-Length it set is logged, and the connection is closed.
class ResponseWriter {
public:
    int status = 200;  ///< 200 to 999
    Headers headers;
    /// Sent behind a body that is chunked, dropped with any other. Announce them in a Trailer field.
    Headers trailers;

    /// Throws std::invalid_argument if it is the first and the status or the Content-Length makes no sense.
    /// Blocks.
    void write(std::string_view piece, Deadline = {});
    void write(std::string_view piece, std::error_code& ec, Deadline = {});  ///< Blocks.
    /// With its Content-Length, and in one write. Requires: nothing was written before. Blocks.
    void send(std::string_view whole, Deadline = {});
    void send(std::string_view whole, std::error_code& ec, Deadline = {});  ///< Blocks.

    /// A piece of the body out of a file; its end comes early if the file has shrunk. With one that has no
    /// other piece, set its Content-Length. Blocks.
    void write_file(File&, std::uint64_t offset, std::uint64_t bytes, Deadline = {});
    void write_file(File&, std::uint64_t offset, std::uint64_t bytes, std::error_code& ec, Deadline = {});

    [[nodiscard]] bool started() const noexcept;  ///< the head is sent: status and headers count no more

    ResponseWriter(const ResponseWriter&) = delete;
    ResponseWriter& operator=(const ResponseWriter&) = delete;

private:
    friend class detail::HttpConnection;
    friend struct detail::HttpAccess;
    explicit ResponseWriter(detail::ResponseStream& stream) noexcept : stream_{stream} {}

    detail::ResponseStream& stream_;
};

/// Responses of these types are compressed for clients that want it (gzip or deflate, by their q-values).
/// What has a Content-Encoding or a Content-Range, or says "Cache-Control: no-transform", is left alone. A
/// client that refuses every coding, and none too, is answered 406. Pieces of 64 KiB and more are compressed
/// by a native thread.
struct Compression {
    int level = 6;                 ///< 1, fast, to 9, small
    std::size_t min_bytes = 1024;  ///< shorter ones are not worth it
    std::vector<std::string> types{"text/",
                                   "application/json",
                                   "application/javascript",
                                   "application/xml",
                                   "image/svg+xml"};  ///< what a Content-Type begins with
};

enum class AccessLogFormat { common, combined };  ///< combined: with Referer and User-Agent

/// One line per response, as other servers write it, in UTC. What a peer sent cannot forge one: quotation
/// marks, backslashes and whatever is not printable ASCII are written as "\xHH".
struct AccessLog {
    std::filesystem::path file{};  ///< appended to
    AccessLogFormat format = AccessLogFormat::combined;
};

struct ServerOptions {
    net::ServerOptions net{};
    std::optional<net::TlsContext> tls{};                 ///< HTTPS; its ALPN, if it has one: "http/1.1"
    std::chrono::milliseconds handshake_timeout{10'000};  ///< for TLS's
    std::chrono::milliseconds idle_timeout{60'000};       ///< between requests of one connection
    std::chrono::milliseconds header_timeout{10'000};     ///< from the first byte to the blank line
    std::chrono::milliseconds stall_timeout{60'000};      ///< a body, or a response, that does not move
    std::size_t max_header_bytes = 64 * 1024;             ///< more is answered 431
    std::size_t max_header_fields = 1000;                 ///< more are answered 431
    std::size_t max_body_bytes = 16 << 20;                ///< more is answered 413; see BodyReader
    /// Of one connection; the last is answered "Connection: close".
    std::uint64_t max_requests = std::numeric_limits<std::uint64_t>::max();
    /// A peer that makes us wait, in one body or one response, for longer than rate_grace and than what it
    /// moved takes at this speed, counts as stalled. 0: it may be as slow as it likes.
    std::size_t min_bytes_per_second = 128;
    std::chrono::milliseconds rate_grace{30'000};
    /// Beyond net.max_connections, answer 503 with this Retry-After, and close; if unset, accepting pauses.
    std::optional<std::chrono::seconds> retry_after{};
    /// Whether a request may have a Content-Encoding, which its handler then finds as it was sent. If not, it
    /// is answered 415: nobody takes compressed bytes for plain ones, and nothing here is a bomb.
    bool encoded_bodies = false;
    std::optional<Compression> compression{};  ///< of responses; unset: none
    std::optional<AccessLog> access_log{};
};

/// HTTP/1.1 with keep-alive. A handler that throws before its first write answers 500, or what its body's
/// failure asks for (400, 408, 413); later, it ends the connection. What it throws is logged. With
/// Model::threads several threads call the handler at once.
class Server {
public:
    using Handler = UniqueFunction<void(Request&, ResponseWriter&)>;

    Server(const net::Endpoint&, Handler, const ServerOptions& = {});  ///< as StreamServer: listens at once
    Server(net::Listener, Handler, const ServerOptions& = {});         ///< as StreamServer
    ~Server();                                                         ///< stop(now). Blocks.

    void start();          ///< begins to accept, in the background
    void serve_forever();  ///< start(), then waits to be killed or stopped. Blocks.
    /// Stops accepting, lets handlers finish until the deadline, then kills them. Responses say "Connection:
    /// close". A connection without a request is closed when it has had none for a second: until then one may
    /// be on its way. Blocks.
    void stop(Deadline grace = Clock::duration::zero());

    [[nodiscard]] net::Endpoint endpoint() const;
    [[nodiscard]] std::size_t connections() const noexcept;

private:
    std::unique_ptr<detail::HttpServerState> state_;
};

}  // namespace http
}  // namespace grove
