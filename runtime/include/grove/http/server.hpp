#pragma once

#include <grove/base/time.hpp>
#include <grove/base/unique_function.hpp>
#include <grove/http/message.hpp>
#include <grove/net/server.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>
#include <system_error>

namespace grove {

namespace detail {
class HttpConnection;
class HttpServerState;
class ResponseStream;
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

    /// Throws std::invalid_argument if it is the first and the status or the Content-Length makes no sense.
    /// Blocks.
    void write(std::string_view piece, Deadline = {});
    void write(std::string_view piece, std::error_code& ec, Deadline = {});  ///< Blocks.
    /// With its Content-Length, and in one write. Requires: nothing was written before. Blocks.
    void send(std::string_view whole, Deadline = {});
    void send(std::string_view whole, std::error_code& ec, Deadline = {});  ///< Blocks.

    [[nodiscard]] bool started() const noexcept;  ///< the head is sent: status and headers count no more

    ResponseWriter(const ResponseWriter&) = delete;
    ResponseWriter& operator=(const ResponseWriter&) = delete;

private:
    friend class detail::HttpConnection;
    explicit ResponseWriter(detail::ResponseStream& stream) noexcept : stream_{stream} {}

    detail::ResponseStream& stream_;
};

struct ServerOptions {
    net::ServerOptions net{};
    std::chrono::milliseconds idle_timeout{60'000};    ///< between requests of one connection
    std::chrono::milliseconds header_timeout{10'000};  ///< from the first byte to the blank line
    std::chrono::milliseconds stall_timeout{60'000};   ///< a body, or a response, that does not move
    std::size_t max_header_bytes = 64 * 1024;          ///< more is answered 431
    std::size_t max_body_bytes = 16 << 20;             ///< more is answered 413; see BodyReader
};

/// HTTP/1.1 with keep-alive. A handler that throws before its first write answers 500, or what its body's
/// failure asks for (400, 408, 413); later, it ends the connection. What it throws is logged. With
/// Model::threads several threads call the handler at once.
class Server {
public:
    using Handler = UniqueFunction<void(Request&, ResponseWriter&)>;

    Server(const net::Endpoint&, Handler, const ServerOptions& = {});  ///< listens at once
    Server(net::Listener, Handler, const ServerOptions& = {});         ///< as StreamServer
    ~Server();                                                         ///< stop(now). Blocks.

    void start();          ///< begins to accept, in the background
    void serve_forever();  ///< start(), then waits to be killed or stopped. Blocks.
    /// Stops accepting, closes connections between requests, lets handlers finish until the deadline, then
    /// kills them. A new connection has a second for its first request: that is on its way. Blocks.
    void stop(Deadline grace = Clock::duration::zero());

    [[nodiscard]] net::Endpoint endpoint() const;
    [[nodiscard]] std::size_t connections() const noexcept;

private:
    std::unique_ptr<detail::HttpServerState> state_;
};

}  // namespace http
}  // namespace grove
