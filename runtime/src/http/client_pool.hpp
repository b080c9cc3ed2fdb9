#pragma once

#include <grove/http/client.hpp>
#include <grove/sync/semaphore.hpp>

#include "http/client_connection.hpp"
#include "http/url.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace grove::detail {

/// A client's connections by where they lead, kept between calls.
///
/// 1. An origin has as many permits as connections may be open to it. A call holds one permit; it takes an
/// idle
///    connection, or makes one, and puts it back only if nothing can be left of the call in it.
/// 2. An origin lives while somebody uses it or it has an idle connection: users > 0 or !idle.empty().
/// 3. idle is in order of time: the last is taken first, so the first ones grow old.
class HttpPool {
public:
    explicit HttpPool(const http::ClientOptions& options) : options_{options} {}
    ~HttpPool();
    HttpPool(const HttpPool&) = delete;
    HttpPool& operator=(const HttpPool&) = delete;

    /// Makes the call on a connection to its URL's origin. Blocks.
    void perform(const HttpCall&, http::Response&, std::error_code& ec, Deadline by);

private:
    struct Idle {
        std::unique_ptr<HttpClientConnection> connection;
        Clock::time_point since;
    };
    struct Origin {
        explicit Origin(std::size_t permits_at_once) : permits{permits_at_once} {}
        Semaphore permits;
        std::vector<Idle> idle;
        std::size_t users = 0;
    };
    using Origins = std::map<std::string, Origin, std::less<>>;
    class Lease;

    [[nodiscard]] Origins::iterator find_origin(const HttpUrl&);
    [[nodiscard]] std::unique_ptr<HttpClientConnection> connect(const HttpUrl&,
                                                                std::error_code& ec,
                                                                Deadline by);
    void drop_old(Origin&, Clock::time_point now) noexcept;
    void drop_all_old() noexcept;

    const http::ClientOptions options_;
    Origins origins_;
    Clock::time_point next_look_{};  // at the idle connections of origins that nobody asks for
};

}  // namespace grove::detail
