#include "http/client_connection.hpp"

#include <grove/base/error.hpp>
#include <grove/io/stream.hpp>

#include "http/access.hpp"
#include "http/head_text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>

namespace grove::detail {

namespace {

// So much of a body leaves together with its head.
constexpr std::size_t joined_write = 16 * 1024;

std::span<const std::byte> bytes_of(std::string_view text) noexcept {
    return std::as_bytes(std::span{text});
}

bool is_framing(std::string_view name) noexcept {
    return equal_without_case(name, "content-length") || equal_without_case(name, "transfer-encoding");
}

std::string head_of(const HttpCall& call) {
    std::string head;
    head.append(call.method).append(" ").append(call.url.target).append(" HTTP/1.1\r\n");
    if (!call.headers.get("host")) append_field(head, "Host", call.url.authority);
    for (const auto& [name, value] : call.headers) {
        if (!is_framing(name)) append_field(head, name, value);
    }
    const bool expects_body = call.method == "POST" || call.method == "PUT" || call.method == "PATCH";
    if (expects_body || !call.body.empty()) {
        head += "Content-Length: ";
        append_number(head, call.body.size());
        head += "\r\n";
    }
    head += "\r\n";
    return head;
}

}  // namespace

HttpClientConnection::HttpClientConnection(net::Socket socket, const http::ClientOptions& options)
    : transport_{std::move(socket)},
      options_{options},
      parser_{make_response_parser(options.max_header_bytes)},
      body_{transport_, input_, *parser_, PaceLimits{}} {}

void HttpClientConnection::exchange(const HttpCall& call,
                                    http::Response& response,
                                    std::error_code& ec,
                                    Deadline by) {
    heard_ = false;
    reusable_ = false;
    send(call, ec, by);
    if (ec == std::errc::timed_out) return;

    // A server that wants no more of the request answers and closes: then sending fails, but the answer is
    // there.
    const std::error_code unsent = ec;
    receive_head(call, response, ec, by);
    if (ec && unsent) ec = unsent;
    if (!ec) receive_body(response, ec, by);
    if (ec) return;

    const auto connection = call.headers.get("connection");
    reusable_ = parser_->head().keep_alive && input_.empty() && !unsent &&
                !(connection && list_contains(*connection, "close"));
    input_.release();
}

void HttpClientConnection::send(const HttpCall& call, std::error_code& ec, Deadline by) {
    std::string head = head_of(call);
    std::string_view rest = call.body;
    head += rest.substr(0, joined_write);
    rest.remove_prefix(std::min(rest.size(), joined_write));
    grove::write(transport_, bytes_of(head), ec, by);
    if (!ec) grove::write(transport_, bytes_of(rest), ec, by);
}

void HttpClientConnection::receive_head(const HttpCall& call,
                                        http::Response& response,
                                        std::error_code& ec,
                                        Deadline by) {
    ec.clear();
    const bool to_head = call.method == "HEAD";
    parser_->start(response, to_head);
    for (;;) {
        const std::size_t n = transport_.read_some(input_.make_room(options_.max_header_bytes), ec, by);
        if (!ec && n == 0) ec = Errc::eof;
        if (ec) return;
        heard_ = true;
        input_.commit(n);
        while (parse_head(response, ec)) {
            if (response.status >= 200) return;
            parser_->start(response, to_head);  // that one only said that the answer is under way
        }
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

void HttpClientConnection::receive_body(http::Response& response, std::error_code& ec, Deadline by) {
    body_.start(options_.max_body_bytes);
    if (body_.announced() > options_.max_body_bytes) {
        ec = std::make_error_code(std::errc::message_size);
        return;
    }
    http::BodyReader reader;
    HttpAccess::attach(reader, &body_);
    response.body = reader.read_all(options_.max_body_bytes, ec, by);
}

bool HttpClientConnection::quiet() {
    std::array<std::byte, 1> nothing;
    std::error_code ec;
    transport_.read_some(nothing, ec, Clock::time_point{});  // long past: look once
    return ec == std::errc::timed_out;
}

}  // namespace grove::detail
