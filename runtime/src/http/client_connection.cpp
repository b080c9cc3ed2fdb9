#include "http/client_connection.hpp"

#include <grove/base/error.hpp>
#include <grove/io/stream.hpp>

#include "http/access.hpp"
#include "http/head_text.hpp"
#include "http/request_head.hpp"
#include "http/time_limit.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <utility>

namespace grove::detail {

namespace {

// So much of a body leaves together with its head.
constexpr std::size_t joined_write = 16 * 1024;
// Between two pieces of a long body we look whether the server has answered already.
constexpr std::size_t piece_size = 64 * 1024;
constexpr std::size_t produced_piece = 16 * 1024;
// How long a server may take to want a body; one that never heard of "Expect" says nothing.
constexpr std::chrono::seconds continue_patience{1};

}  // namespace

HttpClientConnection::HttpClientConnection(Transport transport,
                                           const http::ClientOptions& options,
                                           std::set<HttpClientConnection*>& open_ones)
    : open_ones_{open_ones},
      transport_{std::move(transport)},
      options_{options},
      parser_{make_response_parser(options.max_header_bytes)},
      body_{transport_, input_, *parser_, PaceLimits{}} {
    open_ones_.insert(this);
}

void HttpClientConnection::exchange(const HttpCall& call,
                                    http::Response& response,
                                    std::error_code& ec,
                                    Deadline by) {
    heard_ = answered_ = keep_ = false;
    to_head_ = call.method == "HEAD";
    parser_->start(response, to_head_);
    send(call, response, ec, by);
    if (ec == std::errc::timed_out || ec == std::errc::invalid_argument) return;

    // A server that wants no more of the request answers and closes: then sending fails, but the answer is
    // there.
    const std::error_code unsent = ec;
    ec.clear();
    const TimeLimit limit{options_.header_timeout, http::ClientErrc::header_timed_out, by};
    if (!answered_) receive_head(response, ec, limit.by());
    limit.name_it(ec);
    if (ec && unsent && ec != std::errc::timed_out) ec = unsent;
    if (ec) return;

    body_.start(std::numeric_limits<std::uint64_t>::max());
    const auto connection = call.headers.get("connection");
    keep_ = keep_ && parser_->head().keep_alive && !unsent &&
            !(connection && list_contains(*connection, "close"));
}

bool HttpClientConnection::reusable() const noexcept {
    return keep_ && body_.complete() && !body_.failure() && input_.empty();
}

bool HttpClientConnection::quiet() {
    std::array<std::byte, 1> nothing;
    std::error_code ec;
    transport_.read_some(nothing, ec, Clock::time_point{});  // long past: look once
    return ec == std::errc::timed_out;
}

// --- the request ----------------------------------------------------------------------------------

/// Sets keep_ if all of it is sent. The response may be there before that.
void HttpClientConnection::send(const HttpCall& call,
                                http::Response& response,
                                std::error_code& ec,
                                Deadline by) {
    format_request_head(out_, call);
    std::string_view rest = call.body;
    if (!call.expect_continue && !call.produce) {
        out_ += rest.substr(0, joined_write);
        rest.remove_prefix(std::min(rest.size(), joined_write));
    }
    grove::write(transport_, std::string_view{out_}, ec, by);
    if (call.expect_continue && !ec) await_continue(response, ec, by);
    if (ec || answered_) return;

    keep_ = true;
    if (call.produce) return send_produced(call, ec, by);
    send_text(rest, ec, by);
}

/// Until it is sent, or there is an answer before that.
void HttpClientConnection::send_text(std::string_view text, std::error_code& ec, Deadline by) {
    while (!text.empty() && !ec) {
        if (answered_early()) {
            keep_ = false;
            return;
        }
        const auto piece = text.substr(0, piece_size);
        grove::write(transport_, piece, ec, by);
        text.remove_prefix(piece.size());
    }
}

void HttpClientConnection::send_produced(const HttpCall& call, std::error_code& ec, Deadline by) {
    const std::unique_ptr<std::byte[]> buffer{new std::byte[produced_piece]};
    std::uint64_t left = call.body_length.value_or(0);
    while (!ec) {
        const std::size_t n = (*call.produce)({buffer.get(), produced_piece});
        if (call.body_length && (n > left || (n == 0 && left > 0))) {
            ec = std::make_error_code(std::errc::invalid_argument);
            return;
        }
        left -= call.body_length ? n : 0;
        out_.clear();
        if (!call.body_length) {
            append_number(out_, n, 16);
            out_ += "\r\n";
        }
        out_.append(reinterpret_cast<const char*>(buffer.get()), n);
        if (!call.body_length) out_ += "\r\n";
        send_text(out_, ec, by);
        if (n == 0 || !keep_) return;
    }
}

/// Without an answer in time, the body is sent all the same.
void HttpClientConnection::await_continue(http::Response& response, std::error_code& ec, Deadline by) {
    const Deadline soon = from_now(continue_patience);
    for (;;) {
        receive(ec, std::min(by, soon));
        if (ec == std::errc::timed_out && soon < by) ec.clear();
        if (ec || input_.empty()) return;
        while (parse_head(response, ec)) {
            answered_ = response.status >= 200;
            if (answered_) return;
            parser_->start(response, to_head_);
            if (response.status == 100) return;
        }
        if (ec || grove::now() >= soon.at()) return;
    }
}

bool HttpClientConnection::answered_early() {
    if (!input_.empty()) return true;
    std::error_code ec;
    receive(ec, Clock::time_point{});
    return !input_.empty();
}

// --- the response's head --------------------------------------------------------------------------

void HttpClientConnection::receive_head(http::Response& response, std::error_code& ec, Deadline by) {
    for (;;) {
        while (parse_head(response, ec)) {
            if (response.status >= 200) return;
            parser_->start(response, to_head_);  // that one only said that the answer is under way
            if (by.passed()) ec = std::make_error_code(std::errc::timed_out);  // or it may say so for ever
            if (ec) return;
        }
        if (!ec) receive(ec, by);
        if (ec) return;
    }
}

/// Whether there is a head.
bool HttpClientConnection::parse_head(http::Response& response, std::error_code& ec) {
    if (input_.empty()) return false;
    const auto [step, consumed] = parser_->parse_head(input_.bytes());
    input_.consume(consumed);
    if (step == HttpParser::Step::fault) {
        ec = parser_->fault() == 431 ? std::make_error_code(std::errc::message_size)
                                     : make_error_code(Errc::bad_message);
    } else if (step == HttpParser::Step::done && response.status == 101) {
        ec = Errc::bad_message;  // nobody asked for another protocol
    }
    return step == HttpParser::Step::done && !ec;
}

void HttpClientConnection::receive(std::error_code& ec, Deadline by) {
    const std::size_t n = transport_.read_some(input_.make_room(options_.max_header_bytes), ec, by);
    if (!ec && n == 0) ec = Errc::eof;
    if (ec) return;
    heard_ = true;
    input_.commit(n);
}

}  // namespace grove::detail
