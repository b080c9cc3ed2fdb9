#include <grove/http/client.hpp>

#include "http/access.hpp"
#include "http/client_connection.hpp"
#include "http/client_pool.hpp"
#include "http/url.hpp"

#include <string>

namespace grove::http {

namespace {

[[noreturn]] void throw_failure(std::error_code ec, std::string_view method, std::string_view url) {
    std::string what{"http: "};
    what.append(method).append(" ").append(url);
    if (ec == std::errc::protocol_not_supported) what += " (http:// only: this client has no TLS)";
    throw std::system_error{ec, what};
}

}  // namespace

Client::Client(const ClientOptions& options) : pool_{std::make_unique<detail::HttpPool>(options)} {}

Client::~Client() = default;

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
    Response response;
    ec = std::make_error_code(std::errc::invalid_argument);
    if (!detail::is_token(method) || method == "CONNECT") return response;
    const detail::HttpUrl target = detail::parse_http_url(url, ec);
    if (!ec) pool_->perform({method, target, headers, body}, response, ec, by);
    if (ec) return {};
    return response;
}

}  // namespace grove::http
