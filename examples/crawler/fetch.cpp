#include "fetch.hpp"

#include <grove/base/error.hpp>

#include "text.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <span>

namespace crawler {

namespace {

constexpr auto no_limit = std::chrono::milliseconds::max();
constexpr std::chrono::hours longest_pause{1};  // whatever a server asks for

/// "Sun, 06 Nov 1994 08:49:37 GMT"; other forms are of the last century.
std::optional<std::time_t> http_date(const std::string& text) {
    std::tm date{};
    if (!::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date)) return std::nullopt;
    return ::timegm(&date);
}

bool is_any_of(const std::error_code& ec, std::initializer_list<std::errc> conditions) {
    return std::ranges::any_of(conditions, [&](std::errc each) { return ec == each; });
}

}  // namespace

Fetcher::Fetcher(const FetchOptions& options)
    : options_{options},
      client_{{.connections_per_host = options.connections,
               .max_connections = options.connections,
               .connect_timeout = no_limit,  // the timeout is for all of it
               .header_timeout = no_limit,
               .max_body_bytes = options.max_body,
               .max_redirects = 0}} {
    headers_.set("User-Agent", options.user_agent);
    headers_.set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5");
}

Fetched Fetcher::get(const std::string& url) {
    Fetched result{.request = headers_, .at = std::chrono::system_clock::now()};
    const auto start = grove::Clock::now();
    auto response = client_.request("GET", url, headers_, {}, result.error, start + options_.timeout);
    result.took = grove::Clock::now() - start;
    if (result.error) return result;
    result.status = response.status;
    result.headers = std::move(response.headers);
    result.body = std::move(response.body);
    return result;
}

Fetched Fetcher::get_beginning(const std::string& url, std::size_t bytes) {
    constexpr std::size_t step = 16 * 1024;
    Fetched result{.request = headers_, .at = std::chrono::system_clock::now()};
    const auto start = grove::Clock::now();
    const grove::Deadline by{start + options_.timeout};
    auto response = client_.open({.url = url, .headers = headers_}, result.error, by);
    std::string body;
    while (!result.error && body.size() < bytes) {
        const std::size_t had = body.size();
        body.resize(std::min(had + step, bytes));
        const std::size_t n =
            response.read_some(std::as_writable_bytes(std::span{body}.subspan(had)), result.error, by);
        body.resize(had + n);
        if (n == 0) break;
    }
    result.took = grove::Clock::now() - start;
    if (result.error) return result;
    result.status = response.status();
    result.headers = response.headers();
    result.body = std::move(body);
    return result;
}

bool is_temporary(const Fetched& fetched) {
    constexpr std::array<int, 7> statuses{408, 425, 429, 500, 502, 503, 504};
    if (!fetched.error) return std::ranges::find(statuses, fetched.status) != statuses.end();
    // What is the page's or the address's own fault stays so.
    return !is_any_of(
               fetched.error,
               {std::errc::message_size, std::errc::invalid_argument, std::errc::protocol_not_supported}) &&
           fetched.error != grove::Errc::bad_message && fetched.error != grove::Errc::no_such_host;
}

std::chrono::milliseconds retry_after(const Fetched& fetched) {
    const std::string text{stripped(fetched.headers.get("Retry-After").value_or(""))};
    std::chrono::seconds pause{0};
    if (!text.empty() && text.find_first_not_of("0123456789") == text.npos) {
        const auto seconds = number_in<std::uint32_t>(text);  // nullopt: even more
        pause = seconds ? std::chrono::seconds{*seconds} : longest_pause;
    } else if (const auto date = http_date(text)) {
        pause = std::chrono::seconds{*date - std::time(nullptr)};
    }
    return std::clamp<std::chrono::milliseconds>(pause, std::chrono::milliseconds{0}, longest_pause);
}

std::string failure_of(const Fetched& fetched) {
    if (fetched.error) return fetched.error.message();
    return "status " + std::to_string(fetched.status);
}

}  // namespace crawler
