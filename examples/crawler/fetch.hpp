#pragma once

#include <grove/base/time.hpp>
#include <grove/http/client.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <system_error>

namespace crawler {

struct FetchOptions {
    std::string user_agent = "grove-crawler/0.1";
    std::size_t connections = 16;               ///< to one host, at most
    std::chrono::milliseconds timeout{30'000};  ///< for one answer, from connecting to its last byte
    std::size_t max_body = 10 << 20;            ///< bytes; a longer answer is an error
};

struct Fetched {
    int status = 0;           ///< 0: no answer
    std::error_code error{};  ///< why not
    grove::http::Headers request{};
    grove::http::Headers headers{};
    std::string body{};
    std::chrono::system_clock::time_point at{};  ///< when it was asked for
    grove::Clock::duration took{};
};

/// All the crawler knows of HTTP: one request, one answer. It follows no redirect: where one leads is for
/// robots.txt, the scope and the list of pages met to judge.
class Fetcher {
public:
    explicit Fetcher(const FetchOptions&);

    /// Blocks.
    [[nodiscard]] Fetched get(const std::string& url);
    /// The same, but of the body only so many bytes, however long it is. Blocks.
    [[nodiscard]] Fetched get_beginning(const std::string& url, std::size_t bytes);

    [[nodiscard]] const std::string& user_agent() const noexcept { return options_.user_agent; }

private:
    FetchOptions options_;
    grove::http::Headers headers_;
    grove::http::Client client_;
};

/// Whether the same may well go better later.
[[nodiscard]] bool is_temporary(const Fetched&);

/// How long the server asks to be left alone; zero: it does not say.
[[nodiscard]] std::chrono::milliseconds retry_after(const Fetched&);

/// "Connection refused", "status 503".
[[nodiscard]] std::string failure_of(const Fetched&);

}  // namespace crawler
