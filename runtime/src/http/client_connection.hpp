#pragma once

#include <grove/http/client.hpp>
#include <grove/http/message.hpp>

#include "http/body.hpp"
#include "http/input_buffer.hpp"
#include "http/parser.hpp"
#include "http/transport.hpp"
#include "http/url.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

namespace grove::detail {

using BodyProducer = UniqueFunction<std::size_t(std::span<std::byte>)>;

/// One request, as it is to be sent.
struct HttpCall {
    std::string_view method;
    const HttpUrl& url;
    const http::Headers& headers;
    std::string_view body{};
    BodyProducer* produce = nullptr;  ///< instead of body
    std::optional<std::uint64_t> body_length{};
    const HttpUrl* forwarder = nullptr;  ///< the proxy it is sent to
    std::string_view cookies{};
    bool decompress = false;  ///< ask for what we can take off
    bool expect_continue = false;
};

/// The client's end of a connection. One exchange after the other; after one that did not leave it reusable,
/// none.
class HttpClientConnection {
public:
    /// It is among the client's open ones as long as it lives.
    HttpClientConnection(Transport, const http::ClientOptions&, std::set<HttpClientConnection*>& open_ones);
    ~HttpClientConnection() { open_ones_.erase(this); }
    HttpClientConnection(const HttpClientConnection&) = delete;
    HttpClientConnection& operator=(const HttpClientConnection&) = delete;

    /// Sends the request and reads the response's head; what waits to be read then is body(). The response
    /// has to stay until that is done: trailers come behind it. Blocks.
    void exchange(const HttpCall&, http::Response&, std::error_code& ec, Deadline by);
    [[nodiscard]] HttpBody& body() noexcept { return body_; }

    /// The exchange, to the end of its body, left nothing behind, and the server means to go on.
    [[nodiscard]] bool reusable() const noexcept;
    /// Of the last exchange's response not a byte has come.
    [[nodiscard]] bool unheard() const noexcept { return !heard_; }
    /// As far as one can see without waiting, the server has neither closed it nor said anything since.
    [[nodiscard]] bool quiet();
    /// Between two exchanges it holds no memory that it does not need.
    void rest() noexcept { input_.release(); }
    /// Whoever waits on it leaves with Errc::closed.
    void close() noexcept { transport_.close(); }

private:
    void send(const HttpCall&, http::Response&, std::error_code& ec, Deadline by);
    void send_text(std::string_view, std::error_code& ec, Deadline by);
    void send_produced(const HttpCall&, std::error_code& ec, Deadline by);
    void await_continue(http::Response&, std::error_code& ec, Deadline by);
    void receive_head(http::Response&, std::error_code& ec, Deadline by);
    [[nodiscard]] bool parse_head(http::Response&, std::error_code& ec);
    void receive(std::error_code& ec, Deadline by);
    [[nodiscard]] bool answered_early();

    std::set<HttpClientConnection*>& open_ones_;
    Transport transport_;
    const http::ClientOptions& options_;
    const std::unique_ptr<HttpResponseParser> parser_;
    InputBuffer input_;
    HttpBody body_;
    std::string out_;  // the head, formatted
    bool to_head_ = false;
    bool heard_ = false;
    bool answered_ = false;  // the response's head is there
    bool keep_ = false;
};

}  // namespace grove::detail
