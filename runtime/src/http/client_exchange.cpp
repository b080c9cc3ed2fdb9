#include "http/client_exchange.hpp"

#include <grove/base/error.hpp>

#include "http/deadlines.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>

namespace grove::detail {

namespace {

// More than that of a body nobody wants is not worth a connection.
constexpr std::uint64_t most_discarded = 64 * 1024;
constexpr std::chrono::seconds longest_discard{1};

/// Whether doing it twice comes to the same (RFC 9110, 9.2.2).
bool is_idempotent(std::string_view method) noexcept {
    static constexpr std::array<std::string_view, 6> methods{
        "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
    return std::ranges::find(methods, method) != methods.end();
}

/// How a connection fails that the server closed while nobody used it.
bool means_closed(std::error_code ec) noexcept {
    return ec == Errc::eof || ec == std::errc::connection_reset || ec == std::errc::broken_pipe;
}

}  // namespace

HttpExchange::HttpExchange(std::shared_ptr<HttpPool> pool, Deadline end) noexcept
    : pool_{std::move(pool)}, end_{end} {}

void HttpExchange::start(HttpCall call, std::error_code& ec, Deadline by) {
    call.forwarder = pool_->forwarder(call.url);
    lease_.emplace(*pool_, call.url);
    lease_->wait(ec, by);
    if (!ec) try_kept(call, ec, by);
    if (!ec && !connection_) {
        connection_ = lease_->connect(call.url, ec, by);
        if (!ec) connection_->exchange(call, response_, ec, by);
    }
    if (ec) return abandon(ec);
    begin_body(call);
}

/// Leaves no connection, and no error, if there was none or the server had closed it before it saw the
/// request.
void HttpExchange::try_kept(const HttpCall& call, std::error_code& ec, Deadline by) {
    connection_ = lease_->take_idle();
    if (!connection_) return;
    connection_->exchange(call, response_, ec, by);
    const bool repeatable = is_idempotent(call.method) && !call.produce;
    if (!means_closed(ec) || !connection_->unheard() || !repeatable) return;
    connection_.reset();
    ec.clear();
}

void HttpExchange::begin_body(const HttpCall& call) {
    HttpBody& body = connection_->body();
    length_.reset();
    if (body.complete()) return finish();

    const auto coding = coding_of(response_.headers.get("content-encoding").value_or(""));
    if (call.decompress && coding) {
        inflating_.emplace(body, *coding);
        response_.headers.erase("content-encoding");
        response_.headers.erase("content-length");
    } else if (body.has_length()) {
        length_ = body.announced();
    }
}

std::size_t HttpExchange::read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    if (!connection_) {
        ec = failure_;
        return 0;
    }
    HttpBody& body = connection_->body();
    BodySource& source = inflating_ ? static_cast<BodySource&>(*inflating_) : body;
    const std::size_t n = source.read_some(into, ec, std::min(by, end_));
    if (ec == std::errc::timed_out && end_ < by) ec = http::ClientErrc::request_timed_out;
    const bool only_late = ec == std::make_error_code(std::errc::timed_out) && !body.failure();
    if (ec && !only_late) abandon(ec);
    if (!ec && (n == 0 || (body.complete() && !inflating_))) finish();
    return n;
}

void HttpExchange::discard(Deadline by) {
    const Deadline soon = std::min({by, end_, from_now(longest_discard)});
    if (connection_ && connection_->body().drain(most_discarded, soon)) finish();
    abandon({});
}

void HttpExchange::finish() {
    inflating_.reset();
    auto connection = std::move(connection_);
    if (connection->reusable()) lease_->put_back(std::move(connection));
    connection.reset();
    lease_.reset();
}

void HttpExchange::abandon(std::error_code why) noexcept {
    failure_ = why;
    inflating_.reset();
    connection_.reset();
    lease_.reset();
}

}  // namespace grove::detail
