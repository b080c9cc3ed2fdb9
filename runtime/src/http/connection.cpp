#include "http/connection.hpp"

#include <grove/base/error.hpp>

#include "base/log.hpp"
#include "http/access.hpp"
#include "http/deadlines.hpp"
#include "http/head_text.hpp"
#include "http/idle_stack.hpp"
#include "http/server_state.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

namespace grove::detail {

namespace {

using namespace std::chrono_literals;

// A body that nobody read: up to here it is read and dropped, so that the connection can be kept.
constexpr std::size_t max_drained = 64 * 1024;
// Before closing with something unread, which would make the system drop our last words too.
constexpr std::size_t max_lingering = 1024 * 1024;
constexpr auto lingering_time = 1s;
// A connection that says nothing for so long is no busy one, and gives back what memory it can.
constexpr auto busy_pause = 1s;
// Enough for most responses, head and all, that are sent in one piece.
constexpr std::size_t kept_while_busy = 2048;

}  // namespace

HttpConnection::HttpConnection(HttpServerState& server, net::Socket socket)
    : server_{server},
      socket_{std::move(socket)},
      parser_{make_request_parser(server.options().max_header_bytes)},
      body_{socket_, input_, *parser_, server.options().stall_timeout},
      stream_{socket_, body_, server.closing(), server.options().stall_timeout},
      writer_{stream_} {
    server_.add(*this);
}

HttpConnection::~HttpConnection() {
    server_.remove(*this);
}

void HttpConnection::serve() {
    while (receive_head() && answer()) {
    }
}

// --- the request's head ---------------------------------------------------------------------------

bool HttpConnection::receive_head() {
    const http::ServerOptions& options = server_.options();
    parser_->start(request_);
    std::error_code ec;
    bool begun = !input_.empty();
    Deadline by = begun ? from_now(options.header_timeout) : Deadline{};
    for (;;) {
        if (!input_.empty()) {
            const auto [step, consumed] = parser_->parse_head(input_.bytes());
            input_.consume(consumed);
            if (step == HttpParser::Step::done) return true;
            if (step == HttpParser::Step::fault) return refuse(parser_->fault()), false;
        }
        std::size_t n = 0;
        if (begun) {
            n = socket_.read_some(input_.make_room(options.max_header_bytes), ec, by);
        } else {
            n = receive_first(ec);
            by = from_now(options.header_timeout);
        }
        if (begun && ec == std::errc::timed_out) refuse(408);
        if (ec || n == 0) return false;
        input_.commit(n);
        begun = true;
    }
}

std::size_t HttpConnection::receive_first(std::error_code& ec) {
    const http::ServerOptions& options = server_.options();
    if (input_.release()) request_ = {};
    stream_.release(kept_while_busy);
    // The first request of a new connection is on its way: a server that stops waits for it, a moment.
    idle_.store(answered_);
    std::size_t n = 0;
    if (!answered_ || !server_.closing().load()) {
        const auto room = input_.make_room(options.max_header_bytes);
        const Deadline end = from_now(options.idle_timeout);
        const Deadline rest = std::min(from_now(busy_pause), end);
        n = socket_.read_some(room, ec, rest);
        if (ec == std::errc::timed_out && rest < end) {
            idle_.store(true);
            release_all();
            if (!server_.closing().load()) n = socket_.read_some(room, ec, end);
        }
    }
    idle_.store(false, std::memory_order_relaxed);
    return n;
}

void HttpConnection::release_all() noexcept {
    request_ = {};
    writer_.headers = {};
    stream_.release(0);
    release_unused_stack();
}

void HttpConnection::end_if_idle() noexcept {
    if (!idle_.load()) return;
    std::error_code ec;
    socket_.shutdown(net::Side::read,
                     ec);  // its read returns 0; a request that is already there is still answered
}

// --- the answer -----------------------------------------------------------------------------------

bool HttpConnection::answer() {
    answered_ = true;
    const HttpHead& head = parser_->head();
    stream_.start(head, request_.method == "HEAD");
    body_.start(server_.options().max_body_bytes);
    if (head.framing == HttpFraming::length && head.length > server_.options().max_body_bytes) {
        return refuse(413), false;
    }
    HttpAccess::attach(request_.body, &body_);
    writer_.status = 200;
    writer_.headers.clear();
    if (call_handler()) return finish();
    if (!stream_.started()) answer_failure();
    return false;
}

bool HttpConnection::call_handler() {
    try {
        server_.handle(request_, writer_);
        std::error_code ec;
        stream_.finish(writer_, ec);
        return true;
    } catch (const Unwind&) {
        throw;
    } catch (...) {
        // Where the peer failed, so must a handler that talks to it: no news.
        if (!stream_.failed() && !body_.failure()) {
            log(Level::error,
                "http: " + request_.method + " " + request_.target + ": " +
                    text_of(std::current_exception()));
        }
        return false;
    }
}

bool HttpConnection::finish() {
    if (stream_.failed()) return false;
    if (stream_.keep_alive() && body_.drain(max_drained, from_now(server_.options().header_timeout)))
        return true;
    if (!body_.complete() || !input_.empty()) linger();
    return false;
}

void HttpConnection::answer_failure() {
    const std::error_code failure = body_.failure();
    if (!failure) return refuse(500);
    if (failure == std::errc::message_size) return refuse(413);
    if (failure == std::errc::timed_out) return refuse(408);
    if (failure == Errc::bad_message) return refuse(400);
    // Otherwise the peer is gone.
}

void HttpConnection::refuse(int status) {
    HttpHead last = parser_->head();
    last.keep_alive = false;
    stream_.start(last, request_.method == "HEAD");
    body_.forgo_continue();
    writer_.status = status;
    writer_.headers.clear();
    writer_.headers.set("Content-Type", "text/plain");

    std::string text = std::to_string(status) + ' ';
    text += reason_of(status);
    text += '\n';
    std::error_code ec;
    writer_.send(text, ec);
    if (!ec) linger();
}

void HttpConnection::linger() {
    std::error_code ec;
    socket_.shutdown(net::Side::write, ec);
    const Deadline by = from_now(lingering_time);
    std::size_t total = 0;
    while (!ec && total < max_lingering) {
        input_.consume(input_.bytes().size());
        const std::size_t n = socket_.read_some(input_.make_room(max_drained), ec, by);
        if (n == 0) return;
        total += n;
    }
}

}  // namespace grove::detail
