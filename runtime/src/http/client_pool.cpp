#include "http/client_pool.hpp"

#include <grove/base/error.hpp>
#include <grove/core/runtime.hpp>

#include "core/scheduler.hpp"
#include "http/deadlines.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace grove::detail {

// --- one call's use -------------------------------------------------------------------------------

HttpPool::Lease::Lease(HttpPool& pool, const HttpUrl& url)
    : pool_{pool.shared_from_this()}, at_{pool.find_origin(url)} {
    ++origin().users;
    if (const auto now = grove::now(); now >= pool.next_look_) pool.drop_all_old(now);
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
    pool_->set_alarm(pool_->end_of(origin().idle.back()));
}

// --- all of them ----------------------------------------------------------------------------------

void HttpPool::close() noexcept {
    closed_ = true;
    cancel_alarm();
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

Deadline HttpPool::end_of(const Idle& idle) const noexcept {
    return later(idle.since, options_.idle_timeout);
}

void HttpPool::drop_old(Origin& origin, Clock::time_point now) noexcept {
    const auto is_young = [&](const Idle& each) { return end_of(each).at() > now; };
    origin.idle.erase(origin.idle.begin(), std::ranges::find_if(origin.idle, is_young));
}

void HttpPool::drop_all_old(Clock::time_point now) noexcept {
    next_look_ = later(now, options_.idle_timeout / 2).at();
    for (auto at = origins_.begin(); at != origins_.end();) {
        drop_old(at->second, now);
        const bool unused = at->second.users == 0 && at->second.idle.empty();
        at = unused ? origins_.erase(at) : std::next(at);
    }
}

void HttpPool::close_old() noexcept {
    drop_all_old(grove::now());
    Deadline first;
    for (const auto& [key, origin] : origins_) {
        if (!origin.idle.empty()) first = std::min(first, end_of(origin.idle.front()));
    }
    set_alarm(first);
}

void HttpPool::set_alarm(Deadline at) noexcept {
    Scheduler* const here = Scheduler::here();
    if (!here || at.is_never()) return;
    if (alarm_in_ != here->control()) {  // the timers it was among, if any, have ended with their runtime
        alarm_.prev = nullptr;
        alarm_in_ = here->control();
    }
    if (!alarm_.armed()) here->timers().add(alarm_, at.at());
}

void HttpPool::cancel_alarm() noexcept {
    Scheduler* const here = Scheduler::touchable();
    if (here && alarm_in_ == here->control()) here->timers().cancel(alarm_);
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
