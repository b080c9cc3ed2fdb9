#pragma once

#include <grove/http/client.hpp>
#include <grove/http/message.hpp>
#include <grove/net/socket.hpp>

#include "http/body.hpp"
#include "http/input_buffer.hpp"
#include "http/parser.hpp"
#include "http/transport.hpp"
#include "http/url.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace grove::detail {

/// One request of a client's, as its caller gave it.
struct HttpCall {
    std::string_view method;
    const HttpUrl& url;
    const http::Headers& headers;
    std::string_view body;
};

/// The client's end of a connection. One call after the other; after one that did not leave it reusable,
/// none.
class HttpClientConnection {
public:
    HttpClientConnection(net::Socket, const http::ClientOptions&);

    /// Sends the request and reads the whole response. Blocks.
    void exchange(const HttpCall&, http::Response&, std::error_code& ec, Deadline by);

    /// The last exchange left nothing behind, and the server means to go on.
    [[nodiscard]] bool reusable() const noexcept { return reusable_; }
    /// Of the last exchange's response not a byte has come.
    [[nodiscard]] bool unheard() const noexcept { return !heard_; }
    /// As far as one can see without waiting, the server has neither closed it nor said anything since.
    [[nodiscard]] bool quiet();

private:
    void send(const HttpCall&, std::error_code& ec, Deadline by);
    void receive_head(const HttpCall&, http::Response&, std::error_code& ec, Deadline by);
    void receive_body(http::Response&, std::error_code& ec, Deadline by);
    [[nodiscard]] bool parse_head(http::Response&, std::error_code& ec);

    Transport transport_;
    const http::ClientOptions options_;
    const std::unique_ptr<HttpResponseParser> parser_;
    InputBuffer input_;
    HttpBody body_;
    bool heard_ = false;
    bool reusable_ = false;
};

}  // namespace grove::detail
