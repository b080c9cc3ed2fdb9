#include "http/client_pool.hpp"

#include <grove/base/assert.hpp>
#include <grove/base/error.hpp>
#include <grove/core/runtime.hpp>
#include <grove/net/socket.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

namespace grove::detail {

namespace {

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

/// One call's use of an origin.
class HttpPool::Lease {
public:
    Lease(HttpPool& pool, const HttpUrl& url) : pool_{pool}, at_{pool.find_origin(url)} { ++origin().users; }
    ~Lease() {
        if (permitted_) origin().permits.release();
        if (--origin().users == 0 && origin().idle.empty()) pool_.origins_.erase(at_);
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    /// Waits for a permit. Blocks.
    [[nodiscard]] bool wait(Deadline by) { return permitted_ = origin().permits.acquire(by); }

    /// Null if there is none.
    [[nodiscard]] std::unique_ptr<HttpClientConnection> take_idle() {
        pool_.drop_old(origin(), grove::now());
        while (!origin().idle.empty()) {
            auto connection = std::move(origin().idle.back().connection);
            origin().idle.pop_back();
            if (connection->quiet()) return connection;
        }
        return nullptr;
    }
    void put_back(std::unique_ptr<HttpClientConnection> connection) {
        origin().idle.push_back({std::move(connection), grove::now()});
    }

private:
    [[nodiscard]] Origin& origin() const noexcept { return at_->second; }

    HttpPool& pool_;
    const Origins::iterator at_;
    bool permitted_ = false;
};

HttpPool::~HttpPool() {
    GROVE_ASSERT(std::ranges::all_of(origins_, [](const auto& each) { return each.second.users == 0; }),
                 "a Client is destroyed while it is in use");
}

void HttpPool::perform(const HttpCall& call, http::Response& response, std::error_code& ec, Deadline by) {
    drop_all_old();
    Lease lease{*this, call.url};
    if (!lease.wait(by)) {
        ec = std::make_error_code(std::errc::timed_out);
        return;
    }

    auto connection = lease.take_idle();
    if (connection) {
        connection->exchange(call, response, ec, by);
        // The server closed it, before it saw the request.
        if (means_closed(ec) && connection->unheard() && is_idempotent(call.method)) connection.reset();
    }
    if (!connection) {
        connection = connect(call.url, ec, by);
        if (ec) return;
        connection->exchange(call, response, ec, by);
    }
    if (!ec && connection->reusable()) lease.put_back(std::move(connection));
}

HttpPool::Origins::iterator HttpPool::find_origin(const HttpUrl& url) {
    return origins_.try_emplace(url.authority, options_.connections_per_host).first;
}

std::unique_ptr<HttpClientConnection> HttpPool::connect(const HttpUrl& url,
                                                        std::error_code& ec,
                                                        Deadline by) {
    net::Socket socket = net::Socket::connect(url.host, url.port, ec, by);
    if (ec) return nullptr;
    return std::make_unique<HttpClientConnection>(std::move(socket), options_);
}

void HttpPool::drop_old(Origin& origin, Clock::time_point now) noexcept {
    const auto is_young = [&](const Idle& each) { return now - each.since < options_.idle_timeout; };
    origin.idle.erase(origin.idle.begin(), std::ranges::find_if(origin.idle, is_young));
}

void HttpPool::drop_all_old() noexcept {
    const auto now = grove::now();
    if (now < next_look_) return;
    next_look_ = now + options_.idle_timeout / 2;
    for (auto at = origins_.begin(); at != origins_.end();) {
        drop_old(at->second, now);
        const bool unused = at->second.users == 0 && at->second.idle.empty();
        at = unused ? origins_.erase(at) : std::next(at);
    }
}

}  // namespace grove::detail
