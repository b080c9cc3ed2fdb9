#pragma once

#include <grove/base/timer.hpp>
#include <grove/http/client.hpp>
#include <grove/sync/semaphore.hpp>

#include "http/client_connection.hpp"
#include "http/dialer.hpp"
#include "http/url.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <vector>

namespace grove::detail {

struct RuntimeControl;

/// A client's connections by where they lead, kept between calls. It lives until its last call is over.
///
/// 1. An origin has as many permits as connections may be open to it, and the pool as many as in total. A
///    call holds one of each, the origin's first; it takes an idle connection, or makes one, and puts it back
///    only if nothing can be left of the call in it.
/// 2. An origin lives while somebody uses it or it has an idle connection: users > 0 or !idle.empty().
/// 3. idle is in order of time: the last is taken first, so the first ones grow old.
/// 4. Connections in use and idle ones together are at most as many as the pool has permits: who makes one
///    closes the oldest idle one if need be, and that is enough, since it holds a permit of its own.
/// 5. In a runtime an alarm is set while anything is idle, not later than the first one's time. It keeps
///    nobody alive. On a plain thread the old ones go when the client is used.
class HttpPool : public std::enable_shared_from_this<HttpPool> {
public:
    explicit HttpPool(const http::ClientOptions& options)
        : options_{options}, dialer_{options_}, permits_{options_.max_connections}, alarm_{*this} {}
    HttpPool(const HttpPool&) = delete;
    HttpPool& operator=(const HttpPool&) = delete;

    class Lease;

    /// Ends all that runs and waits, with Errc::closed.
    void close() noexcept;

    [[nodiscard]] const http::ClientOptions& options() const noexcept { return options_; }
    [[nodiscard]] const HttpUrl* forwarder(const HttpUrl& url) const noexcept {
        return dialer_.forwarder(url);
    }

private:
    struct Idle {
        std::unique_ptr<HttpClientConnection> connection;
        Clock::time_point since;
    };
    struct Alarm final : Timer {
        explicit Alarm(HttpPool& p) noexcept : Timer{&ring}, pool{p} {}
        static void ring(Timer& self) noexcept { static_cast<Alarm&>(self).pool.close_old(); }
        HttpPool& pool;
    };
    struct Origin {
        explicit Origin(std::size_t permits_at_once) : permits{permits_at_once} {}
        Semaphore permits;
        std::vector<Idle> idle;
        std::size_t users = 0;
    };
    struct Key {
        bool secure;
        std::string authority;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    using Origins = std::map<Key, Origin>;

    [[nodiscard]] Origins::iterator find_origin(const HttpUrl&);
    [[nodiscard]] Deadline end_of(const Idle& idle) const noexcept;
    void drop_old(Origin&, Clock::time_point now) noexcept;
    void drop_all_old(Clock::time_point now) noexcept;
    void close_old() noexcept;
    void set_alarm(Deadline) noexcept;
    void cancel_alarm() noexcept;
    void make_room() noexcept;

    const http::ClientOptions options_;
    HttpDialer dialer_;
    std::set<HttpClientConnection*> open_;  // idle or in use
    Origins origins_;
    Semaphore permits_;
    Clock::time_point next_look_{};  // at the idle connections of origins that nobody asks for
    Alarm alarm_;
    std::shared_ptr<RuntimeControl> alarm_in_;  // the runtime whose timers have it, or had
    bool closed_ = false;
};

/// One call's use of an origin, with the permits for one connection.
class HttpPool::Lease {
public:
    Lease(HttpPool&, const HttpUrl&);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    /// Waits for the permits. Blocks.
    void wait(std::error_code& ec, Deadline by);
    /// Null if there is none.
    [[nodiscard]] std::unique_ptr<HttpClientConnection> take_idle();
    /// Null if ec is set. Blocks.
    [[nodiscard]] std::unique_ptr<HttpClientConnection> connect(const HttpUrl&,
                                                                std::error_code& ec,
                                                                Deadline by);
    void put_back(std::unique_ptr<HttpClientConnection>);

private:
    [[nodiscard]] Origin& origin() const noexcept { return at_->second; }

    const std::shared_ptr<HttpPool> pool_;
    const Origins::iterator at_;
    bool of_origin_ = false;  // the permits it holds
    bool of_all_ = false;
};

}  // namespace grove::detail
