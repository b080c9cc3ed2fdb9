#pragma once

#include <grove/http/client.hpp>

#include "http/deadlines.hpp"

#include <algorithm>
#include <chrono>
#include <system_error>

namespace grove::detail {

/// A limit of the client's own inside the caller's deadline: whoever runs into it is told which it was.
class TimeLimit {
public:
    TimeLimit(std::chrono::milliseconds limit, http::ClientErrc meaning, Deadline by) noexcept
        : own_{from_now(limit)}, by_{by}, meaning_{meaning} {}

    [[nodiscard]] Deadline by() const noexcept { return std::min(own_, by_); }
    void name_it(std::error_code& ec) const noexcept {
        const bool is_named = ec.category() == http::client_category();
        if (ec == std::errc::timed_out && !is_named && own_ < by_) ec = meaning_;
    }

private:
    Deadline own_;
    Deadline by_;
    http::ClientErrc meaning_;
};

}  // namespace grove::detail
