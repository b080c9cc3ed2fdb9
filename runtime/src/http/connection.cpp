#include "http/connection.hpp"

#include <grove/base/error.hpp>

#include "base/log.hpp"
#include "http/access.hpp"
#include "http/access_log.hpp"
#include "http/deadlines.hpp"
#include "http/head_text.hpp"
#include "http/idle_stack.hpp"
#include "http/server_state.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace grove::detail {

namespace {

using namespace std::chrono_literals;

// A body that nobody read: up to here it is read and dropped, so that the connection can be kept.
constexpr std::size_t max_drained = 64 * 1024;
// Before closing with something unread, which would make the system drop our last words too.
// Whoever sends all before it reads, and proxies do, is given the time for it, unless it pauses.
constexpr auto lingering_time = 10s;
constexpr auto lingering_pause = 1s;
// A connection that says nothing for so long is no busy one: it gives back what memory it can, and ends when
// the server stops. Until then its request may be on its way.
constexpr auto busy_pause = 1s;
// Enough for most responses, head and all, that are sent in one piece.
constexpr std::size_t kept_while_busy = 2048;

// Where the requests of all connections of a thread arrive: until the parser has seen one, nobody else runs.
// So a connection has no buffer while it waits, nor while its handler does. Most heads fit: a browser's have
// 500 to 1000 bytes.
constinit thread_local std::array<std::byte, 2048> arrivals{};

bool is_coded(const http::Headers& headers) noexcept {
    return std::any_of(headers.begin(), headers.end(), [](const http::Headers::Field& field) {
        return equal_without_case(field.first, "content-encoding") &&
               !equal_without_case(field.second, "identity");
    });
}

}  // namespace

HttpConnection::HttpConnection(HttpServerState& server, Transport& transport)
    : server_{server},
      transport_{transport},
      parser_{make_request_parser(server.options().max_header_bytes, server.options().max_header_fields)},
      body_{transport_, input_, *parser_, pace_limits(server.options())},
      stream_{transport_, body_, server.closing(), server.options()},
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

void HttpConnection::turn_away() {
    refuse(503);
}

// --- the request's head ---------------------------------------------------------------------------

bool HttpConnection::receive_head() {
    using Step = HttpParser::Step;
    parser_->start(request_);
    Step step = Step::need_more;
    if (input_.empty()) {
        const std::string_view first = receive_first();
        if (first.empty()) return false;
        const auto result = parser_->parse_head(first);
        input_.append(first.substr(result.consumed));
        step = result.step;
    } else {
        step = parse_input();
    }
    const Deadline by = from_now(server_.options().header_timeout);
    while (step == Step::need_more && receive_more(by)) step = parse_input();
    if (step == Step::fault) refuse(parser_->fault());
    return step == Step::done;
}

HttpParser::Step HttpConnection::parse_input() {
    const auto [step, consumed] = parser_->parse_head(input_.bytes());
    input_.consume(consumed);
    return step;
}

/// What a request begins with, in `arrivals`; nothing: none comes.
std::string_view HttpConnection::receive_first() {
    const http::ServerOptions& options = server_.options();
    if (input_.release()) request_ = {};
    stream_.release(kept_while_busy);
    std::error_code ec;
    const Deadline end = from_now(options.idle_timeout);
    const Deadline pause = std::min(from_now(busy_pause), end);
    std::size_t n = transport_.read_some(arrivals, ec, pause);
    if (ec == std::errc::timed_out && pause < end) {
        release_all();
        idle_.store(true);
        n = server_.closing().load() ? 0 : transport_.read_some(arrivals, ec, end);
        idle_.store(false, std::memory_order_relaxed);
    }
    return {reinterpret_cast<const char*>(arrivals.data()), n};
}

bool HttpConnection::receive_more(Deadline by) {
    std::error_code ec;
    const auto room = input_.make_room(server_.options().max_header_bytes);
    const std::size_t n = transport_.read_some(room, ec, by);
    if (ec == std::errc::timed_out) refuse(408);
    input_.commit(n);
    return n > 0;
}

void HttpConnection::release_all() noexcept {
    request_ = {};
    writer_.headers = {};
    stream_.release(0);
    input_.release_all();
    release_unused_stack();
}

void HttpConnection::end_if_idle() noexcept {
    if (idle_.load()) transport_.stop_reading();  // a request that is already there is still answered
}

// --- the answer -----------------------------------------------------------------------------------

bool HttpConnection::answer() {
    const HttpHead& head = parser_->head();
    stream_.start(head, request_, ++served_ >= server_.options().max_requests);
    body_.start(server_.options().max_body_bytes);
    if (const int status = refusal()) return refuse(status), false;
    HttpAccess::attach(request_.body, &body_);
    writer_.status = 200;
    writer_.headers.clear();
    writer_.trailers.clear();
    if (call_handler()) {
        note_response();
        return finish();
    }
    if (stream_.started()) {
        note_response();
        if (stream_.upgraded()) linger();
    } else {
        answer_failure();
    }
    return false;
}

/// What to answer instead of calling the handler; 0: nothing.
int HttpConnection::refusal() const {
    const http::ServerOptions& options = server_.options();
    const HttpHead& head = parser_->head();
    if (head.framing == HttpFraming::length && head.length > options.max_body_bytes) return 413;
    if (head.framing != HttpFraming::none && !options.encoded_bodies && is_coded(request_.headers))
        return 415;
    if (options.compression) {
        const auto accepted = accepted_codings(request_.headers);
        if (accepted && !accepted->identity && accepted->best == Coding::identity) return 406;
    }
    return 0;
}

bool HttpConnection::call_handler() {
    try {
        server_.handle(request_, writer_);
        std::error_code ec;
        stream_.finish(writer_, ec);
        return true;
    } catch (const Unwind&) {
        throw;
    } catch (const std::system_error& error) {
        const bool told =
            error.code() == Errc::bad_message && stream_.status() == 426;  // by WebSocket::accept
        if (!told) note_failure();
        return false;
    } catch (...) {
        note_failure();
        return false;
    }
}

void HttpConnection::note_failure() {
    // Where the peer failed, so must a handler that talks to it: no news.
    if (!stream_.failed() && !body_.failure()) {
        log(Level::error,
            "http: " + request_.method + " " + request_.target + ": " + text_of(std::current_exception()));
    }
}

bool HttpConnection::finish() {
    if (stream_.failed()) return false;
    if (stream_.upgraded()) return linger(), false;
    if (stream_.keep_alive() && body_.drain(max_drained, from_now(server_.options().header_timeout)))
        return true;
    if (!body_.complete() || !input_.empty() || another_has_come()) linger();
    return false;
}

/// Whether a client whom we let go has sent its next request all the same.
bool HttpConnection::another_has_come() {
    if (!parser_->head().keep_alive) return false;
    std::error_code ec;
    return transport_.read_some(arrivals, ec, Clock::time_point{}) > 0;  // long past: look once
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
    stream_.start(parser_->head(), request_, true);
    body_.forgo_continue();
    writer_.status = status;
    writer_.headers.clear();
    writer_.headers.set("Content-Type", "text/plain");
    if (status == 415) writer_.headers.set("Accept-Encoding", "identity");
    if (status == 503 && server_.options().retry_after) {
        writer_.headers.set("Retry-After", std::to_string(server_.options().retry_after->count()));
    }

    std::error_code ec;
    writer_.send(status_text(status), ec);
    note_response();
    if (!ec) linger();
}

void HttpConnection::linger() {
    std::error_code ec;
    const Deadline by = from_now(lingering_time);
    const auto soon = [&] { return std::min(by, Deadline{from_now(lingering_pause)}); };
    transport_.finish_writing(ec, soon());
    while (!ec) {
        input_.consume(input_.bytes().size());
        if (transport_.read_some(input_.make_room(max_drained), ec, soon()) == 0) return;
    }
}

void HttpConnection::note_response() {
    if (AccessLogFile* const file = server_.access_log()) {
        file->write({.peer = transport_.peer(),
                     .request = request_,
                     .http11 = parser_->head().http11,
                     .status = stream_.status(),
                     .bytes = stream_.body_bytes()});
    }
}

}  // namespace grove::detail
