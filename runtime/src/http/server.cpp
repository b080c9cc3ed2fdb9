#include <grove/core/timeout.hpp>
#include <grove/http/server.hpp>

#include "http/connection.hpp"
#include "http/deadlines.hpp"
#include "http/server_state.hpp"

#include <chrono>
#include <utility>

namespace grove {

namespace detail {

namespace {

using namespace std::chrono_literals;

// At once, of those whom there is no place for. More of them wait to be accepted.
constexpr std::size_t most_refusals = 64;
constexpr auto goodbye_time = 1s;

net::ServerOptions with_refusals(const http::ServerOptions& options) {
    net::ServerOptions result = options.net;
    if (options.retry_after) result.max_connections += most_refusals;
    return result;
}

/// One of those that may be served at once, if there is one left.
struct Place {
    Place(std::atomic<std::size_t>& c, std::size_t most) noexcept : count{c}, taken{++c <= most} {
        if (!taken) --count;
    }
    ~Place() {
        if (taken) --count;
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    std::atomic<std::size_t>& count;
    const bool taken;
};

}  // namespace

HttpServerState::HttpServerState(net::Listener listener,
                                 http::Server::Handler handler,
                                 const http::ServerOptions& options)
    : handler_{std::move(handler)},
      options_{options},
      access_log_{options.access_log ? std::make_unique<AccessLogFile>(*options.access_log) : nullptr},
      listener_{std::move(listener),
                [this](net::Socket socket, const net::Endpoint&) { serve(std::move(socket)); },
                with_refusals(options)} {}

void HttpServerState::serve(net::Socket socket) {
    const Place place{serving_, options_.net.max_connections};
    Transport transport{std::move(socket)};
    if (!open(transport)) return;
    {
        HttpConnection connection{*this, transport};
        if (!place.taken) return connection.turn_away();
        connection.serve();
    }
    transport.say_goodbye(from_now(goodbye_time));
}

/// Makes the handshake, if there has to be one.
bool HttpServerState::open(Transport& transport) {
    if (!options_.tls) return true;
    std::error_code ec;  // a client's that does not trust us, say: no news
    transport.accept_tls(*options_.tls, ec, from_now(options_.handshake_timeout));
    return !ec;
}

void HttpServerState::stop(Deadline grace) {
    closing_.store(true);
    {
        std::scoped_lock held{mutex_};
        for (HttpConnection* each = first_; each; each = each->next_) each->end_if_idle();
    }
    listener_.stop(grace);
}

void HttpServerState::add(HttpConnection& connection) noexcept {
    std::scoped_lock held{mutex_};
    connection.next_ = first_;
    if (first_) first_->previous_ = &connection;
    first_ = &connection;
}

void HttpServerState::remove(HttpConnection& connection) noexcept {
    std::scoped_lock held{mutex_};
    (connection.previous_ ? connection.previous_->next_ : first_) = connection.next_;
    if (connection.next_) connection.next_->previous_ = connection.previous_;
}

}  // namespace detail

namespace http {

Server::Server(const net::Endpoint& at, Handler handler, const ServerOptions& options)
    : Server{net::Listener::bind(at, options.net.listen), std::move(handler), options} {}

Server::Server(net::Listener listener, Handler handler, const ServerOptions& options)
    : state_{std::make_unique<detail::HttpServerState>(std::move(listener), std::move(handler), options)} {}

Server::~Server() {
    Shield shield;
    stop();
}

void Server::start() {
    state_->listener().start();
}

void Server::serve_forever() {
    state_->listener().serve_forever();
}

void Server::stop(Deadline grace) {
    state_->stop(grace);
}

net::Endpoint Server::endpoint() const {
    return state_->listener().endpoint();
}

std::size_t Server::connections() const noexcept {
    return state_->listener().connections();
}

}  // namespace http
}  // namespace grove
