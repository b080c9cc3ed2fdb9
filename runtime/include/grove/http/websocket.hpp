#pragma once

#include <grove/base/time.hpp>
#include <grove/http/message.hpp>
#include <grove/http/server.hpp>
#include <grove/net/socket.hpp>
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
#include <vector>

namespace grove {

namespace detail {
class WebSocketState;
}

namespace http {

struct WebSocketOptions {
    std::size_t max_message_bytes = 1 << 20;  ///< a longer one ends the connection with 1009
    bool compression = false;                 ///< permessage-deflate, if the other side wants it too
    std::vector<std::string> protocols{};     ///< subprotocols, the preferred first
    /// After so much silence while we receive() a ping asks for a sign of life, and after as much again
    /// without any the connection is given up (errc::timed_out).
    std::chrono::milliseconds ping_interval{30'000};
    std::chrono::milliseconds send_timeout{60'000};  ///< for a message, a ping or a pong that does not leave
    std::chrono::milliseconds close_timeout{5'000};  ///< for the other side to say that it closes, too
};

struct WebSocketMessage {
    std::string data{};
    bool is_text = true;  ///< UTF-8, which was checked
};

/// A WebSocket (RFC 6455). One greenlet receives; any may send, each message as a whole. Pings are answered,
/// and closing is noticed, by whoever receives. Needs a greenlet: not for Model::threads.
///
/// A deadline that passes while nothing has come yet leaves the connection as it is. One that passes, or a
/// kill that arrives, within a message of a compressed connection, or while something is being sent, ends it:
/// what follows fails with errc::operation_canceled. Behind its deadline receive() still takes what has come,
/// up to about one message, and may have a pong to send.
class WebSocket {
public:
    /// Whether that is what the request asks for.
    [[nodiscard]] static bool is_upgrade(const Request&) noexcept;
    /// Takes the connection over from its handler, and lives no longer than the handler's call. If the
    /// request is none for a WebSocket, answers 426 and throws Errc::bad_message. Blocks.
    ///
    /// A browser sends its page's Origin, and whatever cookies it has: check the former before this.
    static WebSocket accept(Request&, ResponseWriter&, const WebSocketOptions& = {});
    /// The client's side, over a connection that exists. target: path and query. Throws Errc::bad_message if
    /// the server refuses. Blocks.
    static WebSocket connect(net::Socket,
                             std::string_view host,
                             std::string_view target,
                             const WebSocketOptions& = {},
                             Deadline = {});
    static WebSocket connect(net::TlsSocket,
                             std::string_view host,
                             std::string_view target,
                             const WebSocketOptions& = {},
                             Deadline = {});  ///< Blocks.

    WebSocket(WebSocket&&) noexcept;
    WebSocket& operator=(WebSocket&&) noexcept;
    ~WebSocket();  ///< ends the connection; close() first, to do so in good order

    /// The next message; nullopt once the other side has closed. Throws errc::timed_out, errc::message_size,
    /// Errc::bad_message, Errc::eof (it left without closing), Errc::concurrent_use. Blocks.
    std::optional<WebSocketMessage> receive(Deadline = {});
    std::optional<WebSocketMessage> receive(std::error_code& ec, Deadline = {});  ///< Blocks.

    /// Throws errc::timed_out by the deadline or by send_timeout, which ends the connection unless it was
    /// another's message that did not leave; Errc::closed after close(). Blocks.
    void send(std::string_view text, Deadline = {});
    void send(std::string_view text, std::error_code& ec, Deadline = {});              ///< Blocks.
    void send_binary(std::span<const std::byte>, Deadline = {});                       ///< Blocks.
    void send_binary(std::span<const std::byte>, std::error_code& ec, Deadline = {});  ///< Blocks.
    /// Payload: 125 bytes at most; or std::invalid_argument. Fails as send() does. Blocks.
    void ping(std::string_view payload = "");
    void ping(std::string_view payload, std::error_code& ec);  ///< Blocks.

    /// Says that we close, and why: 1000 is the good end; 3000 to 4999 are for applications. If no other
    /// greenlet receives, waits for the other side to say so, too; throws errc::timed_out if it does not by
    /// close_timeout. reason: 123 bytes at most. std::invalid_argument if it is longer, or the code is none
    /// that can be sent (1000 to 1003, 1007 to 1013, 3000 to 4999). Blocks.
    void close(std::uint16_t code = 1000, std::string_view reason = "");
    void close(std::uint16_t code, std::string_view reason, std::error_code& ec);  ///< Blocks.

    /// What the other side closed with; 0: it has not.
    [[nodiscard]] std::uint16_t close_code() const noexcept;
    [[nodiscard]] std::string close_reason() const;
    [[nodiscard]] std::string protocol() const;  ///< the subprotocol agreed on; empty: none

private:
    explicit WebSocket(std::unique_ptr<detail::WebSocketState>) noexcept;

    std::unique_ptr<detail::WebSocketState> state_;
};

}  // namespace http
}  // namespace grove
