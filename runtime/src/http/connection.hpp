#pragma once

#include <grove/http/server.hpp>

#include "http/body.hpp"
#include "http/input_buffer.hpp"
#include "http/parser.hpp"
#include "http/response_stream.hpp"
#include "http/transport.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace grove::detail {

class HttpServerState;

/// One connection of a server, with all that its requests and responses are made of, used again for each.
/// Lies on the stack of its greenlet or thread.
///
/// The life of a request: receive_head() waits for its first byte, then for its blank line · answer() runs
/// the handler, which reads body_ and writes stream_, and clears up after it.
class HttpConnection {
public:
    HttpConnection(HttpServerState&, Transport&);
    ~HttpConnection();
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    void serve();      ///< until it ends. Blocks.
    void turn_away();  ///< says 503. Blocks.
    /// Ends it, if it has been waiting for a request for a while. Any thread, with the server's mutex held.
    void end_if_idle() noexcept;

private:
    friend class HttpServerState;

    // True: there is a request. False: the connection is at its end, and whatever was to be said has been.
    [[nodiscard]] bool receive_head();
    [[nodiscard]] std::string_view receive_first();
    [[nodiscard]] bool receive_more(Deadline);
    [[nodiscard]] HttpParser::Step parse_input();
    // True: another request may follow.
    [[nodiscard]] bool answer();
    [[nodiscard]] int refusal() const;
    [[nodiscard]] bool call_handler();
    void note_failure();
    [[nodiscard]] bool finish();
    [[nodiscard]] bool another_has_come();

    void refuse(int status);
    void answer_failure();
    void linger();
    void note_response();
    void release_all() noexcept;

    HttpServerState& server_;
    Transport& transport_;
    const std::unique_ptr<HttpRequestParser> parser_;
    InputBuffer input_;
    HttpBody body_;
    ResponseStream stream_;
    http::Request request_;
    http::ResponseWriter writer_;
    std::uint64_t served_ = 0;

    // Set while it waits for a request and is no busy one, so that stop() can end the wait. Sequentially
    // consistent with the server's closing(): one of the two sides sees the other.
    std::atomic<bool> idle_{false};
    HttpConnection* next_ = nullptr;  // the server's list
    HttpConnection* previous_ = nullptr;
};

}  // namespace grove::detail
