#include <grove/core/timeout.hpp>
#include <grove/http/server.hpp>

#include "http/connection.hpp"
#include "http/server_state.hpp"

#include <utility>

namespace grove {

namespace detail {

HttpServerState::HttpServerState(net::Listener listener,
                                 http::Server::Handler handler,
                                 const http::ServerOptions& options)
    : handler_{std::move(handler)},
      options_{options},
      listener_{std::move(listener),
                [this](net::Socket socket, const net::Endpoint&) { serve(std::move(socket)); },
                options.net} {}

void HttpServerState::serve(net::Socket socket) {
    HttpConnection{*this, std::move(socket)}.serve();
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
