#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace grove::http {

struct CookieLimits {
    std::size_t max_cookies = 3000;
    std::size_t max_per_domain = 50;      ///< beyond, the oldest goes
    std::size_t max_cookie_bytes = 4096;  ///< of name and value; a longer one is not taken
};

/// Cookies, as RFC 6265 has them kept and sent back. Give one to ClientOptions; several clients may share it.
/// A cookie for all hosts of a public suffix, such as co.uk, is not taken. Not kept on disk.
class CookieJar {
public:
    explicit CookieJar(const CookieLimits& limits = {}) : limits_{limits} {}

    /// Takes a Set-Cookie field's value out of the response for that URL; ignores it if it makes no sense, or
    /// is not that host's to set.
    void store(std::string_view url, std::string_view set_cookie);
    /// What to send with a request for that URL: "a=b; c=d". Empty: none.
    [[nodiscard]] std::string cookies_for(std::string_view url);

    [[nodiscard]] std::size_t size() const noexcept { return cookies_.size(); }
    void clear() noexcept { cookies_.clear(); }

private:
    using Time = std::chrono::system_clock::time_point;
    struct Cookie {
        std::string name{};
        std::string value{};
        std::string domain{};
        std::string path{};
        Time expires = Time::max();  // at the session's end, unless it says more
        bool host_only = true;
        bool secure = false;
        bool aged = false;  // Max-Age was given, which counts more than Expires
    };

    void set_attribute(Cookie&, std::string_view name, std::string_view value) const;
    void put(Cookie);
    void drop_expired();

    CookieLimits limits_;
    std::vector<Cookie> cookies_;  // in order of their making
};

}  // namespace grove::http
