#pragma once

#include <grove/http/client.hpp>

#include "http/client_connection.hpp"
#include "http/url.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>

namespace grove::detail {

/// A request on its way from redirect to redirect: what is to be asked where. What it was made with stays
/// with the caller, and is copied only if a redirect changes it.
class HttpJourney {
public:
    HttpJourney(const HttpCall&, std::string_view url);

    [[nodiscard]] HttpCall call() const noexcept;
    [[nodiscard]] const std::string& url() const noexcept { return url_; }

    /// Whether that is a redirect one can follow.
    [[nodiscard]] bool is_redirected(const http::Response&) const noexcept;
    /// Goes where it points. ClientErrc::bad_redirect if that is nowhere.
    void follow(const http::Response&, std::error_code& ec);

private:
    [[nodiscard]] bool becomes_get(int status) const noexcept;
    void forget(std::initializer_list<std::string_view> names);

    HttpCall call_;
    std::string url_;
    HttpUrl to_;
    http::Headers headers_;  // those that are left, if changed_
    bool changed_ = false;
};

}  // namespace grove::detail
