#pragma once

#include <grove/http/server.hpp>
#include <grove/io/file.hpp>

#include "http/body.hpp"
#include "http/deflate.hpp"
#include "http/pace.hpp"
#include "http/parser.hpp"
#include "http/transport.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace grove::detail {

/// How slow a client may be.
[[nodiscard]] inline PaceLimits pace_limits(const http::ServerOptions& options) noexcept {
    return {options.stall_timeout, options.min_bytes_per_second, options.rate_grace};
}

/// A server's responses on their way out, in turn: the head, the framing, the coding, and the count of what
/// was announced. What a call writes leaves in one system call, as far as the socket takes it.
///
/// A failure is final, as is being killed in the middle of a write: nobody knows how much has left.
class ResponseStream {
public:
    /// closing: no response written while it is set keeps its connection.
    ResponseStream(Transport&,
                   HttpBody& request_body,
                   const std::atomic<bool>& closing,
                   const http::ServerOptions&) noexcept;

    /// Begins the response to that request. last: no other may follow on this connection.
    void start(const HttpHead&, const http::Request&, bool last) noexcept;

    void write(const http::ResponseWriter&, std::string_view piece, std::error_code& ec, Deadline by);
    /// A piece of a body that may have no end: Errc::closed, for good, if the response has no body at all.
    void write_endless(const http::ResponseWriter&, std::string_view piece, std::error_code& ec, Deadline by);
    void send(const http::ResponseWriter&, std::string_view whole, std::error_code& ec, Deadline by);
    void write_file(const http::ResponseWriter&,
                    File&,
                    std::uint64_t offset,
                    std::uint64_t bytes,
                    std::error_code& ec,
                    Deadline by);
    /// What the handler left undone: the head, the end of what is compressed, the last chunk.
    void finish(const http::ResponseWriter&, std::error_code& ec);
    /// The connection is another protocol's from now on, whose first words these are. Requires: not started.
    void upgrade() noexcept;

    [[nodiscard]] bool http11() const noexcept { return http11_; }  ///< the request was
    [[nodiscard]] bool started() const noexcept { return started_; }
    [[nodiscard]] bool failed() const noexcept { return static_cast<bool>(failure_); }
    [[nodiscard]] bool upgraded() const noexcept { return upgraded_; }
    /// Whether another request may follow. Valid once finished.
    [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_ && !failed(); }
    [[nodiscard]] int status() const noexcept { return status_; }              ///< that was sent; 0: none yet
    [[nodiscard]] std::uint64_t body_bytes() const noexcept { return sent_; }  ///< as the client counts them

    [[nodiscard]] Transport& transport() noexcept { return transport_; }
    [[nodiscard]] HttpBody& request_body() noexcept { return request_body_; }

    /// Lets go of its buffer, if that is larger, and of what compresses.
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
    /// Not more than is left of what the handler announced.
    [[nodiscard]] std::string_view clipped(std::string_view piece, std::uint64_t& left);
    void note_shortness();
    void send_file(File&, std::uint64_t offset, std::uint64_t bytes, std::error_code& ec, Deadline by);
    void finish_chunks(const http::Headers& trailers, std::error_code& ec);
    void limit_unsent();
    void flush(std::string_view piece, std::string_view suffix, std::error_code& ec, Deadline by);
    std::size_t write_some(std::span<std::string_view> pieces, std::error_code& ec, Deadline by);

    // Compression: src/http/response_coding.cpp.
    void choose_coding(const http::ResponseWriter&, std::optional<std::uint64_t> known_length);
    [[nodiscard]] std::string_view encode(std::string_view piece, Deflater::Flush);
    void send_encoded(const http::ResponseWriter&, std::string_view whole, std::error_code& ec, Deadline by);
    void write_encoded(std::string_view piece, Deflater::Flush, std::error_code& ec, Deadline by);

    Transport& transport_;
    HttpBody& request_body_;
    const std::atomic<bool>& closing_;
    const http::ServerOptions& options_;
    const http::Request* request_ = nullptr;

    std::string out_;  // formatted, not yet written
    std::error_code failure_;
    std::uint64_t left_ = 0;  // of the length announced
    std::uint64_t sent_ = 0;
    Pace pace_;
    std::unique_ptr<Deflater> deflater_;
    std::optional<std::uint64_t> plain_left_;  // of the length announced for what is sent encoded
    std::string encoded_;
    int status_ = 0;
    Framing framing_ = Framing::dropped;
    Coding coding_ = Coding::identity;
    bool unsent_limited_ = false;
    bool varies_ = false;  // by Accept-Encoding
    bool started_ = false;
    bool upgraded_ = false;
    bool keep_alive_ = false;
    bool to_head_ = false;
    bool http11_ = false;
};

}  // namespace grove::detail
