#include <grove/base/error.hpp>
#include <grove/http/websocket.hpp>

#include "http/access.hpp"
#include "http/plain_answer.hpp"
#include "http/response_stream.hpp"
#include "http/websocket_wire.hpp"

// Beast keeps a few buffers of 4 KiB on the stack while it reads: little beside a greenlet's 256.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wframe-larger-than="
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/websocket.hpp>
#pragma GCC diagnostic pop

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace grove {

namespace detail {

namespace {

namespace beast_http = boost::beast::http;
namespace beast_ws = boost::beast::websocket;
using BeastError = boost::system::error_code;

constexpr std::size_t most_kept = 64 * 1024;  // of a buffer, between two messages
constexpr std::size_t most_reason = 123;

boost::beast::string_view view(std::string_view text) noexcept {
    return {text.data(), text.size()};
}

/// What our users are told.
std::error_code translated(const BeastError& ec) {
    if (!ec) return {};
    if (ec == beast_ws::error::message_too_big || ec == beast_ws::error::buffer_overflow)
        return std::make_error_code(std::errc::message_size);
    if (ec == boost::asio::error::eof) return Errc::eof;
    if (ec == boost::asio::error::operation_aborted)
        return std::make_error_code(std::errc::operation_canceled);
    if (ec.category() == BeastError{beast_ws::error::closed}.category()) return Errc::bad_message;
    return ec;
}

std::error_code cancelled() noexcept {
    return std::make_error_code(std::errc::operation_canceled);
}

/// Sixteen bytes in base64. Beast takes anything that is not longer.
bool is_key(std::string_view text) noexcept {
    const auto is_digit = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '+' ||
               c == '/';
    };
    return text.size() == 24 && text.ends_with("==") && std::ranges::all_of(text.substr(0, 22), is_digit);
}

/// Others are not in use, or say what nobody said (RFC 6455, 7.4): whoever gets them has to complain.
bool may_be_sent(std::uint16_t code) noexcept {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1013) || (code >= 3000 && code <= 4999);
}

beast_http::request<beast_http::empty_body> for_beast(const http::Request& request) {
    beast_http::request<beast_http::empty_body> copy;
    copy.method_string(view(request.method));
    copy.target(view(request.target));
    copy.version(11);
    for (const auto& [name, value] : request.headers) copy.insert(view(name), view(value));
    return copy;
}

}  // namespace

/// One WebSocket: Beast's stream over the Wire, and what Beast's synchronous half leaves to its user.
class WebSocketState {
public:
    /// On a connection of somebody else's.
    WebSocketState(Transport& transport, InputBuffer& before, const http::WebSocketOptions& options)
        : options_{options}, stream_{transport, &before, limits(options)} {}
    /// On its own.
    template <class Socket>
    WebSocketState(std::in_place_t, Socket socket, const http::WebSocketOptions& options)
        : options_{options},
          own_{std::make_unique<Transport>(std::move(socket))},
          stream_{*own_, nullptr, limits(options)} {}

    void accept(const http::Request&, const http::Headers& extra);
    void connect(std::string_view host, std::string_view target, Deadline);

    std::optional<http::WebSocketMessage> receive(std::error_code& ec, Deadline);
    void send(std::span<const std::byte>, bool is_text, std::error_code& ec, Deadline);
    void ping(std::string_view payload, std::error_code& ec);
    void close(std::uint16_t code, std::string_view reason, std::error_code& ec);

    [[nodiscard]] const beast_ws::close_reason& reason() const noexcept { return stream_.reason(); }
    [[nodiscard]] const std::string& protocol() const noexcept { return protocol_; }

private:
    [[nodiscard]] static WireLimits limits(const http::WebSocketOptions& options) noexcept {
        return {.silence = options.ping_interval,
                .send = options.send_timeout,
                .late_bytes = options.max_message_bytes};
    }
    void set_options(beast_ws::permessage_deflate deflate);
    [[nodiscard]] Wire& wire() noexcept { return stream_.next_layer(); }
    [[nodiscard]] bool in_compressed_message() const noexcept {
        return options_.compression && (!stream_.is_message_done() || buffer_.size() > 0);
    }
    [[nodiscard]] bool give_up_after_silence(std::error_code& ec, Deadline);
    void send_close_frame(std::uint16_t code, std::string_view reason, std::error_code& ec);
    void read_message(BeastError& ec);
    http::WebSocketMessage take_message();
    [[nodiscard]] Deadline send_limit(Deadline by) const {
        return std::min(by, from_now(options_.send_timeout));
    }

    const http::WebSocketOptions options_;
    std::unique_ptr<Transport> own_;
    beast_ws::stream<Wire> stream_;
    boost::beast::flat_buffer buffer_;
    std::string protocol_;
    bool receiving_ = false;
    bool pinged_ = false;  // and nothing heard since
    bool broken_ = false;  // a read was interrupted where it cannot go on
    bool closed_ = false;  // by the other side
};

// --- the opening ----------------------------------------------------------------------------------

void WebSocketState::set_options(beast_ws::permessage_deflate deflate) {
    stream_.read_message_max(options_.max_message_bytes);
    stream_.set_option(deflate);
    stream_.control_callback(
        [this](beast_ws::frame_type, boost::beast::string_view) { wire().note_control_frame(); });
}

void WebSocketState::accept(const http::Request& request, const http::Headers& extra) {
    set_options({.server_enable = options_.compression});
    const auto offered = request.headers.get("sec-websocket-protocol").value_or("");
    for (const auto& each : options_.protocols) {
        if (protocol_.empty() && list_contains(offered, each)) protocol_ = each;
    }
    stream_.set_option(beast_ws::stream_base::decorator{[&](beast_ws::response_type& response) {
        for (const auto& [name, value] : extra) response.insert(view(name), view(value));
        if (!protocol_.empty()) response.set("Sec-WebSocket-Protocol", protocol_);
        if (response.count("Server") == 0) response.set("Server", "grove");  // or Beast tells its version
    }});
    BeastError ec;
    stream_.accept(for_beast(request), ec);
    if (ec) throw std::system_error{translated(ec), "WebSocket: accepting"};
}

void WebSocketState::connect(std::string_view host, std::string_view target, Deadline by) {
    set_options({.client_enable = options_.compression});
    stream_.set_option(beast_ws::stream_base::decorator{[&](beast_ws::request_type& request) {
        std::string list;
        for (const auto& each : options_.protocols) list.append(list.empty() ? "" : ", ").append(each);
        if (!list.empty()) request.set("Sec-WebSocket-Protocol", list);
    }});
    wire().read_until(by);
    const Wire::Turn turn{wire(), by};
    BeastError ec;
    beast_ws::response_type response;
    try {
        stream_.handshake(response, view(host), view(target), ec);
    } catch (const Silence&) {
        throw std::system_error{std::make_error_code(std::errc::timed_out), "WebSocket: connecting"};
    }
    if (ec) throw std::system_error{translated(ec), "WebSocket: connecting"};
    protocol_ = std::string{response["Sec-WebSocket-Protocol"]};
    if (!protocol_.empty() && std::ranges::find(options_.protocols, protocol_) == options_.protocols.end())
        throw std::system_error{Errc::bad_message, "WebSocket: a protocol that was not offered"};
}

// --- messages in ----------------------------------------------------------------------------------

std::optional<http::WebSocketMessage> WebSocketState::receive(std::error_code& ec, Deadline by) {
    ec.clear();
    if (closed_) return std::nullopt;
    if (broken_) ec = cancelled();
    if (receiving_) ec = Errc::concurrent_use;
    if (ec) return std::nullopt;
    struct Turn {
        explicit Turn(bool& f) noexcept : flag{f} { flag = true; }
        ~Turn() { flag = false; }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;
        bool& flag;
    };
    const Turn turn{receiving_};
    wire().read_until(by);
    for (;;) {
        BeastError error;
        try {
            read_message(error);
        } catch (const Silence&) {
            if (give_up_after_silence(ec, by)) return std::nullopt;
            continue;
        }
        if (!error) return take_message();
        closed_ = error == beast_ws::error::closed;
        broken_ = !closed_;
        if (!closed_) ec = translated(error);
        return std::nullopt;
    }
}

/// Sets broken_ if it is left, by a kill or a time-out, where the next call could not go on.
void WebSocketState::read_message(BeastError& ec) {
    struct Check {
        ~Check() {
            if (!done && state.in_compressed_message()) state.broken_ = true;
        }
        WebSocketState& state;
        bool done = false;
    };
    Check check{.state = *this};
    stream_.read(buffer_, ec);
    check.done = true;
}

/// Whether the time is over for the caller, or for the other side; if not, it is asked for a sign of life.
bool WebSocketState::give_up_after_silence(std::error_code& ec, Deadline by) {
    const bool heard = std::exchange(wire().heard, false);
    ec = broken_ ? cancelled() : std::error_code{};
    if (by.passed()) {
        ec = std::make_error_code(std::errc::timed_out);
    } else if (pinged_ && !heard) {
        broken_ = true;
        ec = std::make_error_code(std::errc::timed_out);
    } else if (!ec) {
        pinged_ = true;
        ping({}, ec);
        if (ec == Errc::closed) ec.clear();  // by us, and the other side is to do so, too
    }
    return static_cast<bool>(ec);
}

http::WebSocketMessage WebSocketState::take_message() {
    pinged_ = false;
    const auto bytes = buffer_.cdata();
    http::WebSocketMessage message{.data = {static_cast<const char*>(bytes.data()), bytes.size()},
                                   .is_text = stream_.got_text()};
    buffer_.consume(buffer_.size());
    if (buffer_.capacity() > most_kept) buffer_ = {};
    return message;
}

// --- messages out ---------------------------------------------------------------------------------

void WebSocketState::send(std::span<const std::byte> data, bool is_text, std::error_code& ec, Deadline by) {
    const Wire::Turn turn{wire(), send_limit(by)};
    ec = turn.error();
    if (ec) return;
    stream_.text(is_text);
    BeastError error;
    stream_.write(boost::asio::const_buffer{data.data(), data.size()}, error);
    ec = translated(error);
}

void WebSocketState::ping(std::string_view payload, std::error_code& ec) {
    if (payload.size() > 125) throw std::invalid_argument{"WebSocket: a ping has at most 125 bytes"};
    const Wire::Turn turn{wire(), send_limit({})};
    ec = turn.error();
    if (ec) return;
    BeastError error;
    stream_.ping(beast_ws::ping_data{view(payload)}, error);
    ec = translated(error);
}

void WebSocketState::close(std::uint16_t code, std::string_view reason, std::error_code& ec) {
    if (reason.size() > most_reason) throw std::invalid_argument{"WebSocket: a reason has at most 123 bytes"};
    if (!may_be_sent(code)) throw std::invalid_argument{"WebSocket: that is no code to close with"};
    ec.clear();
    if (closed_ || broken_ || wire().finished) return;
    send_close_frame(code, reason, ec);
    if (ec || receiving_) return;
    const Deadline by = from_now(options_.close_timeout);
    while (receive(ec, by)) {
        if (by.passed()) return ec.assign(ETIMEDOUT, std::generic_category());  // it sends without end
    }
}

/// Beast's own close() reads, too, which another greenlet may be doing.
void WebSocketState::send_close_frame(std::uint16_t code, std::string_view reason, std::error_code& ec) {
    const bool is_client = own_ != nullptr;
    std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 255)};
    payload += reason;
    std::string frame{static_cast<char>(0x88), static_cast<char>(payload.size() | (is_client ? 0x80 : 0))};
    if (is_client) {
        std::array<char, 4> mask{};
        if (::getrandom(mask.data(), mask.size(), 0) < 0) return ec.assign(errno, std::generic_category());
        frame.append(mask.data(), mask.size());
        for (std::size_t i = 0; i < payload.size(); ++i)
            payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
    }
    frame += payload;
    const Wire::Turn turn{wire(), send_limit({})};
    ec = turn.error();
    if (ec == Errc::closed) return ec.clear();
    if (ec) return;
    BeastError error;
    wire().write_some(boost::asio::buffer(frame), error);
    wire().finished = true;
    ec = translated(error);
}

}  // namespace detail

// --- WebSocket ------------------------------------------------------------------------------------

namespace http {

namespace {

void throw_if(const std::error_code& ec, const char* operation) {
    if (ec) throw std::system_error{ec, operation};
}

}  // namespace

WebSocket::WebSocket(std::unique_ptr<detail::WebSocketState> state) noexcept : state_{std::move(state)} {}
WebSocket::WebSocket(WebSocket&&) noexcept = default;
WebSocket& WebSocket::operator=(WebSocket&&) noexcept = default;
WebSocket::~WebSocket() = default;

bool WebSocket::is_upgrade(const Request& request) noexcept {
    const auto has = [&](std::string_view name, std::string_view element) {
        const auto value = request.headers.get(name);
        return value && detail::list_contains(*value, element);
    };
    return request.method == "GET" && has("connection", "upgrade") && has("upgrade", "websocket") &&
           request.headers.get("sec-websocket-version") == "13" &&
           detail::is_key(request.headers.get("sec-websocket-key").value_or(""));
}

WebSocket WebSocket::accept(Request& request, ResponseWriter& response, const WebSocketOptions& options) {
    detail::ResponseStream& stream = detail::HttpAccess::stream(response);
    if (!is_upgrade(request) || !stream.http11() || !stream.request_body().complete()) {
        response.headers.set("Upgrade", "websocket");
        response.headers.set("Sec-WebSocket-Version", "13");
        detail::answer_plainly(response, 426);
        throw std::system_error{Errc::bad_message, "WebSocket: the request is for something else"};
    }
    stream.upgrade();
    auto state =
        std::make_unique<detail::WebSocketState>(stream.transport(), stream.request_body().input(), options);
    state->accept(request, response.headers);
    return WebSocket{std::move(state)};
}

WebSocket WebSocket::connect(net::Socket socket,
                             std::string_view host,
                             std::string_view target,
                             const WebSocketOptions& options,
                             Deadline by) {
    auto state = std::make_unique<detail::WebSocketState>(std::in_place, std::move(socket), options);
    state->connect(host, target, by);
    return WebSocket{std::move(state)};
}

WebSocket WebSocket::connect(net::TlsSocket socket,
                             std::string_view host,
                             std::string_view target,
                             const WebSocketOptions& options,
                             Deadline by) {
    auto state = std::make_unique<detail::WebSocketState>(std::in_place, std::move(socket), options);
    state->connect(host, target, by);
    return WebSocket{std::move(state)};
}

std::optional<WebSocketMessage> WebSocket::receive(Deadline by) {
    std::error_code ec;
    auto message = receive(ec, by);
    throw_if(ec, "WebSocket: receiving");
    return message;
}

std::optional<WebSocketMessage> WebSocket::receive(std::error_code& ec, Deadline by) {
    return state_->receive(ec, by);
}

void WebSocket::send(std::string_view text, Deadline by) {
    std::error_code ec;
    send(text, ec, by);
    throw_if(ec, "WebSocket: sending");
}

void WebSocket::send(std::string_view text, std::error_code& ec, Deadline by) {
    state_->send(std::as_bytes(std::span{text}), true, ec, by);
}

void WebSocket::send_binary(std::span<const std::byte> data, Deadline by) {
    std::error_code ec;
    send_binary(data, ec, by);
    throw_if(ec, "WebSocket: sending");
}

void WebSocket::send_binary(std::span<const std::byte> data, std::error_code& ec, Deadline by) {
    state_->send(data, false, ec, by);
}

void WebSocket::ping(std::string_view payload) {
    std::error_code ec;
    ping(payload, ec);
    throw_if(ec, "WebSocket: a ping");
}

void WebSocket::ping(std::string_view payload, std::error_code& ec) {
    state_->ping(payload, ec);
}

void WebSocket::close(std::uint16_t code, std::string_view reason) {
    std::error_code ec;
    close(code, reason, ec);
    throw_if(ec, "WebSocket: closing");
}

void WebSocket::close(std::uint16_t code, std::string_view reason, std::error_code& ec) {
    state_->close(code, reason, ec);
}

std::uint16_t WebSocket::close_code() const noexcept {
    return state_->reason().code;
}

std::string WebSocket::close_reason() const {
    const auto& text = state_->reason().reason;
    return {text.data(), text.size()};
}

std::string WebSocket::protocol() const {
    return state_->protocol();
}

}  // namespace http
}  // namespace grove
