#pragma once

#include <grove/http/server.hpp>
#include <grove/net/socket.hpp>

#include "http/body.hpp"
#include "http/parser.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace grove::detail {

/// A server's responses on their way out, in turn: the head, the framing, and the count of what was
/// announced. What a call writes leaves in one system call, as far as the socket takes it.
///
/// A failure is final, as is being killed in the middle of a write: nobody knows how much has left.
class ResponseStream {
public:
    /// closing: no response written while it is set keeps its connection.
    ResponseStream(net::Socket&,
                   HttpBody& request_body,
                   const std::atomic<bool>& closing,
                   std::chrono::milliseconds stall_timeout) noexcept;

    /// Begins the response to a request of that head.
    void start(const HttpHead& request, bool to_head) noexcept;

    void write(const http::ResponseWriter&, std::string_view piece, std::error_code& ec, Deadline by);
    void send(const http::ResponseWriter&, std::string_view whole, std::error_code& ec, Deadline by);
    /// What the handler left undone: the head, or the last chunk.
    void finish(const http::ResponseWriter&, std::error_code& ec);

    [[nodiscard]] bool started() const noexcept { return started_; }
    [[nodiscard]] bool failed() const noexcept { return static_cast<bool>(failure_); }
    /// Whether another request may follow. Valid once finished.
    [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_ && !failed(); }

    /// Lets go of its buffer, if that is larger.
    void release(std::size_t kept) noexcept;

private:
    // How the body is sent. dropped: the response has none, whatever is written.
    enum class Framing : std::uint8_t { dropped, length, chunked, until_close };
    // What a handler's headers say about the framing.
    struct Announced {
        std::optional<std::uint64_t> length;
        bool close = false;
        bool date = false;
    };

    void begin(const http::ResponseWriter&, std::optional<std::uint64_t> known_length);
    Announced append_fields(const http::Headers&);
    void append_framing(int status, std::optional<std::uint64_t> length);
    void write_body(std::string_view piece, std::error_code& ec, Deadline by);
    [[nodiscard]] std::string_view clipped(std::string_view piece);
    void flush(std::string_view piece, std::string_view suffix, std::error_code& ec, Deadline by);
    std::size_t write_some(std::span<std::string_view> pieces, std::error_code& ec, Deadline by);

    net::Socket& socket_;
    HttpBody& request_body_;
    const std::atomic<bool>& closing_;
    const std::chrono::milliseconds stall_timeout_;

    std::string out_;  // formatted, not yet written
    std::error_code failure_;
    std::uint64_t left_ = 0;  // of the length announced
    Framing framing_ = Framing::dropped;
    bool started_ = false;
    bool keep_alive_ = false;
    bool to_head_ = false;
    bool http11_ = false;
};

}  // namespace grove::detail
