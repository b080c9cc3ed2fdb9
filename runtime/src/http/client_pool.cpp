#include "http/client_pool.hpp"

#include <grove/base/error.hpp>
#include <grove/core/runtime.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace grove::detail {

// --- one call's use -------------------------------------------------------------------------------

HttpPool::Lease::Lease(HttpPool& pool, const HttpUrl& url)
    : pool_{pool.shared_from_this()}, at_{pool.find_origin(url)} {
    ++origin().users;
    pool.drop_all_old();
}

HttpPool::Lease::~Lease() {
    if (of_all_) pool_->permits_.release();
    if (of_origin_) origin().permits.release();
    if (--origin().users == 0 && origin().idle.empty()) pool_->origins_.erase(at_);
}

void HttpPool::Lease::wait(std::error_code& ec, Deadline by) {
    of_origin_ = origin().permits.acquire(by);
    of_all_ = of_origin_ && pool_->permits_.acquire(by);
    if (!of_all_) ec = std::make_error_code(std::errc::timed_out);
    if (pool_->closed_) ec = Errc::closed;
}

std::unique_ptr<HttpClientConnection> HttpPool::Lease::take_idle() {
    pool_->drop_old(origin(), grove::now());
    while (!origin().idle.empty()) {
        auto connection = std::move(origin().idle.back().connection);
        origin().idle.pop_back();
        if (connection->quiet()) return connection;
    }
    return nullptr;
}

std::unique_ptr<HttpClientConnection> HttpPool::Lease::connect(const HttpUrl& url,
                                                               std::error_code& ec,
                                                               Deadline by) {
    pool_->make_room();
    std::optional<Transport> transport = pool_->dialer_.dial(url, ec, by);
    if (!ec && pool_->closed_) ec = Errc::closed;
    if (ec) return nullptr;
    return std::make_unique<HttpClientConnection>(std::move(*transport), pool_->options_, pool_->open_);
}

void HttpPool::Lease::put_back(std::unique_ptr<HttpClientConnection> connection) {
    if (pool_->closed_) return;
    connection->rest();
    origin().idle.push_back({std::move(connection), grove::now()});
}

// --- all of them ----------------------------------------------------------------------------------

void HttpPool::close() noexcept {
    closed_ = true;
    std::size_t users = 0;
    for (auto& [key, origin] : origins_) {
        origin.idle.clear();
        origin.permits.release(origin.users);
        users += origin.users;
    }
    permits_.release(users);
    for (HttpClientConnection* connection : open_) connection->close();
}

HttpPool::Origins::iterator HttpPool::find_origin(const HttpUrl& url) {
    return origins_.try_emplace(Key{url.secure, url.authority}, options_.connections_per_host).first;
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

/// For the connection of a call that holds its permits.
void HttpPool::make_room() noexcept {
    std::size_t idle = 0;
    auto oldest = origins_.end();
    for (auto at = origins_.begin(); at != origins_.end(); ++at) {
        const auto& its = at->second.idle;
        idle += its.size();
        if (its.empty()) continue;
        if (oldest == origins_.end() || its.front().since < oldest->second.idle.front().since) oldest = at;
    }
    // The permits in use are connections, or will be.
    if (idle <= permits_.available() || oldest == origins_.end()) return;
    oldest->second.idle.erase(oldest->second.idle.begin());
    if (oldest->second.users == 0 && oldest->second.idle.empty()) origins_.erase(oldest);
}

}  // namespace grove::detail
