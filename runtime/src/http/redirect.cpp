#include "http/redirect.hpp"

#include <initializer_list>
#include <utility>

namespace grove::detail {

HttpJourney::HttpJourney(const HttpCall& call, std::string_view url)
    : call_{call}, url_{url}, to_{call.url} {}

HttpCall HttpJourney::call() const noexcept {
    return {.method = call_.method,
            .url = to_,
            .headers = changed_ ? headers_ : call_.headers,
            .body = call_.body,
            .produce = call_.produce,
            .body_length = call_.body_length,
            .decompress = call_.decompress,
            .expect_continue = call_.expect_continue};
}

bool HttpJourney::is_redirected(const http::Response& response) const noexcept {
    switch (response.status) {
        case 301:
        case 302:
        case 303:
        case 307:
        case 308:
            break;
        default:
            return false;
    }
    const bool body_is_gone = call_.produce && !becomes_get(response.status);
    return response.headers.get("location") && !body_is_gone;
}

/// RFC 9110, 15.4: what browsers make of them.
bool HttpJourney::becomes_get(int status) const noexcept {
    if (status == 303) return call_.method != "HEAD";
    return (status == 301 || status == 302) && call_.method == "POST";
}

void HttpJourney::follow(const http::Response& response, std::error_code& ec) {
    url_ = resolve_location(url_, response.headers.get("location").value_or(""), ec);
    HttpUrl next;
    if (!ec) next = parse_http_url(url_, ec);
    if (ec) {
        ec = http::ClientErrc::bad_redirect;
        return;
    }

    if (becomes_get(response.status)) {
        call_.method = "GET";
        call_.body = {};
        call_.produce = nullptr;
        call_.body_length.reset();
        call_.expect_continue = false;
        forget({"content-type", "content-encoding", "content-language", "content-location", "expect"});
    }
    if (!next.same_origin(to_)) {
        forget({"authorization", "cookie", "proxy-authorization", "host"});
    } else if (next.credentials.empty()) {
        next.credentials = std::move(to_.credentials);
    }
    to_ = std::move(next);
}

void HttpJourney::forget(std::initializer_list<std::string_view> names) {
    if (!changed_) headers_ = call_.headers;
    changed_ = true;
    for (const auto name : names) headers_.erase(name);
}

}  // namespace grove::detail
