#include <grove/http/client.hpp>

#include "http/access.hpp"
#include "http/client_exchange.hpp"
#include "http/client_pool.hpp"
#include "http/deadlines.hpp"
#include "http/redirect.hpp"
#include "http/time_limit.hpp"
#include "http/url.hpp"

#include <string>
#include <utility>

namespace grove::http {

namespace {

[[noreturn]] void throw_failure(std::error_code ec, std::string_view method, std::string_view url) {
    const std::string where = detail::without_credentials(url);
    throw std::system_error{ec, std::string{"http: "}.append(method).append(" ").append(where)};
}

/// Whether it may be sent, and where to.
bool is_askable(std::string_view method) noexcept {
    return detail::is_token(method) && method != "CONNECT";
}

/// Whether to ask for compression: not if the caller has his own mind about it, nor for a part, which would
/// be one of the compressed body.
bool wants_decompression(const ClientOptions& options, const Headers& headers) noexcept {
    return options.decompress && !headers.get("accept-encoding") && !headers.get("range");
}

void keep_cookies(CookieJar& jar, std::string_view url, const Response& response) {
    for (const auto& [name, value] : response.headers) {
        if (detail::equal_without_case(name, "set-cookie")) jar.store(url, value);
    }
}

/// From redirect to redirect, as far as the head of the last response.
void travel(detail::HttpExchange& exchange,
            detail::HttpJourney& journey,
            const ClientOptions& options,
            std::error_code& ec,
            Deadline by) {
    const unsigned most = options.max_redirects;
    for (unsigned redirects = 0;; ++redirects) {
        const std::string cookies = options.cookies ? options.cookies->cookies_for(journey.url()) : "";
        detail::HttpCall call = journey.call();
        call.cookies = cookies;
        exchange.start(call, ec, by);
        if (!ec && options.cookies) keep_cookies(*options.cookies, journey.url(), exchange.response());
        if (ec || most == 0 || !journey.is_redirected(exchange.response())) break;
        exchange.discard(by);
        if (redirects == most) ec = ClientErrc::too_many_redirects;
        if (!ec) journey.follow(exchange.response(), ec);
        if (ec) return;
    }
    if (!ec) exchange.response().url = journey.url();
}

}  // namespace

// --- Client ---------------------------------------------------------------------------------------

Client::Client(const ClientOptions& options) : pool_{std::make_shared<detail::HttpPool>(options)} {}

Client::~Client() {
    pool_->close();
}

Response Client::get(std::string_view url, Deadline by) {
    return request("GET", url, {}, {}, by);
}

Response Client::get(std::string_view url, std::error_code& ec, Deadline by) {
    return request("GET", url, {}, {}, ec, by);
}

Response Client::post(std::string_view url, std::string_view body, const Headers& headers, Deadline by) {
    return request("POST", url, headers, body, by);
}

Response Client::post(
    std::string_view url, std::string_view body, const Headers& headers, std::error_code& ec, Deadline by) {
    return request("POST", url, headers, body, ec, by);
}

Response Client::request(std::string_view method,
                         std::string_view url,
                         const Headers& headers,
                         std::string_view body,
                         Deadline by) {
    std::error_code ec;
    Response response = request(method, url, headers, body, ec, by);
    if (ec) throw_failure(ec, method, url);
    return response;
}

Response Client::request(std::string_view method,
                         std::string_view url,
                         const Headers& headers,
                         std::string_view body,
                         std::error_code& ec,
                         Deadline by) {
    const auto pool = pool_;  // for the case that this client ends before the request does
    const ClientOptions& options = pool->options();
    const detail::TimeLimit limit{options.request_timeout, ClientErrc::request_timed_out, by};
    const detail::HttpUrl target = detail::parse_http_url(url, ec);
    if (!ec && !is_askable(method)) ec = std::make_error_code(std::errc::invalid_argument);
    if (ec) return {};

    const detail::HttpCall call{.method = method,
                                .url = target,
                                .headers = headers,
                                .body = body,
                                .decompress = wants_decompression(options, headers)};
    detail::HttpJourney journey{call, url};
    detail::HttpExchange exchange{pool, Deadline{}};
    travel(exchange, journey, options, ec, limit.by());
    Response& response = exchange.response();
    if (!ec && exchange.announced() > options.max_body_bytes) {
        ec = std::make_error_code(std::errc::message_size);
    }
    if (!ec) {
        BodyReader reader;
        detail::HttpAccess::attach(reader, &exchange);
        response.body = reader.read_all(options.max_body_bytes, ec, limit.by());
    }
    limit.name_it(ec);
    if (ec) return {};
    return std::move(response);
}

StreamedResponse Client::open(ClientRequest request, Deadline by) {
    std::error_code ec;
    const std::string method = request.method;
    const std::string url = request.url;
    StreamedResponse response = open(std::move(request), ec, by);
    if (ec) throw_failure(ec, method, url);
    return response;
}

StreamedResponse Client::open(ClientRequest request, std::error_code& ec, Deadline by) {
    const auto pool = pool_;
    const ClientOptions& options = pool->options();
    const detail::TimeLimit limit{options.request_timeout, ClientErrc::request_timed_out, by};
    const detail::HttpUrl target = detail::parse_http_url(request.url, ec);
    if (!ec && !is_askable(request.method)) ec = std::make_error_code(std::errc::invalid_argument);
    if (ec) return {};

    const detail::HttpCall call{.method = request.method,
                                .url = target,
                                .headers = request.headers,
                                .body = request.body,
                                .produce = request.produce ? &request.produce : nullptr,
                                .body_length = request.body_length,
                                .decompress = wants_decompression(options, request.headers),
                                .expect_continue = request.expect_continue};
    detail::HttpJourney journey{call, request.url};
    auto exchange = std::make_unique<detail::HttpExchange>(pool, detail::from_now(options.request_timeout));
    travel(*exchange, journey, options, ec, limit.by());
    limit.name_it(ec);
    if (ec) return {};
    return StreamedResponse{std::move(exchange)};
}

// --- StreamedResponse -----------------------------------------------------------------------------

StreamedResponse::StreamedResponse() noexcept = default;
StreamedResponse::StreamedResponse(std::unique_ptr<detail::HttpExchange> exchange) noexcept
    : exchange_{std::move(exchange)} {}
StreamedResponse::StreamedResponse(StreamedResponse&&) noexcept = default;
StreamedResponse& StreamedResponse::operator=(StreamedResponse&&) noexcept = default;
StreamedResponse::~StreamedResponse() = default;

int StreamedResponse::status() const noexcept {
    return exchange_->response().status;
}

const Headers& StreamedResponse::headers() const noexcept {
    return exchange_->response().headers;
}

const std::string& StreamedResponse::url() const noexcept {
    return exchange_->response().url;
}

const Headers& StreamedResponse::trailers() const noexcept {
    return exchange_->response().trailers;
}

std::optional<std::uint64_t> StreamedResponse::length() const noexcept {
    return exchange_->length();
}

std::size_t StreamedResponse::read_some(std::span<std::byte> into, Deadline by) {
    std::error_code ec;
    const std::size_t n = read_some(into, ec, by);
    if (ec) throw std::system_error{ec, "http: reading the body of " + detail::without_credentials(url())};
    return n;
}

std::size_t StreamedResponse::read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    ec.clear();
    return into.empty() ? 0 : exchange_->read_some(into, ec, by);
}

}  // namespace grove::http
