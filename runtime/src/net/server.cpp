#include <grove/base/assert.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/net/server.hpp>

#include "base/log.hpp"
#include "net/crew.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

namespace grove {

using namespace std::chrono_literals;

namespace detail {

void serve_connection(Crew::Handler& handler, net::Socket socket) {
    const net::Endpoint peer = socket.peer();
    try {
        handler(std::move(socket), peer);
    } catch (const Unwind&) {
        throw;
    } catch (...) {
        log(Level::error,
            "the handler of " + peer.to_string() + " threw: " + text_of(std::current_exception()));
    }
}

namespace {

/// How long to wait when connections cannot be taken for want of descriptors, memory or threads: others have
/// to end first. Says so once, not at each attempt.
class Backoff {
public:
    void wait(const std::string& why) {
        if (pause_ == shortest) log(Level::warning, why + ": accepting pauses");
        sleep(pause_);
        pause_ = std::min(2 * pause_, longest);
    }
    void reset() noexcept { pause_ = shortest; }

private:
    static constexpr std::chrono::milliseconds shortest = 10ms;
    static constexpr std::chrono::milliseconds longest = 1s;

    std::chrono::milliseconds pause_ = shortest;
};

}  // namespace

class ServerState {
public:
    ServerState(net::Listener listener, Crew::Handler handler, const net::ServerOptions& options)
        : handler_{std::move(handler)},
          options_{options},
          listener_{std::move(listener)},
          endpoint_{listener_.local()} {
        GROVE_ASSERT(handler_, "a StreamServer needs a handler");
        GROVE_ASSERT(options.max_connections > 0, "a StreamServer must be allowed a connection");
    }

    void start();
    void serve_forever();
    void stop(Deadline grace);

    [[nodiscard]] const net::Endpoint& endpoint() const noexcept { return endpoint_; }
    [[nodiscard]] std::size_t connections() const noexcept { return crew_ ? crew_->size() : 0; }

private:
    void accept_all();
    void accept_one(Backoff&);

    Crew::Handler handler_;
    const net::ServerOptions options_;
    net::Listener listener_;  // closed: stopped
    const net::Endpoint endpoint_;
    std::unique_ptr<Crew> crew_;  // null: not started
    GreenletRef acceptor_;
    WaitList stopped_;
};

// --- Accepting ------------------------------------------------------------------------------------

void ServerState::accept_all() {
    Backoff backoff;
    while (listener_) {
        (void)crew_->wait_until_left(options_.max_connections - 1, {});
        accept_one(backoff);
    }
}

void ServerState::accept_one(Backoff& backoff) {
    std::string why;
    try {
        crew_->serve(listener_.accept());
        return backoff.reset();
    } catch (const std::exception& error) {  // no kill by one: nobody else has the acceptor's handle
        why = error.what();
    }
    if (listener_) backoff.wait(why);
}

// --- Starting and stopping ------------------------------------------------------------------------

void ServerState::start() {
    if (!listener_) throw std::logic_error{"StreamServer::start: the server was stopped"};
    if (crew_) return;
    crew_ = options_.model == net::Model::greenlets ? make_greenlet_crew(handler_)
                                                    : make_thread_crew(handler_, options_.model);
    acceptor_ = spawn({.name = "StreamServer", .daemon = true}, [this] { accept_all(); });
}

void ServerState::serve_forever() {
    start();
    try {
        detail::wait(stopped_, {}, "StreamServer::serve_forever");
    } catch (...) {
        const Shield shield;
        stop(0s);
        throw;
    }
}

void ServerState::stop(Deadline grace) {
    listener_.close();
    if (!crew_) return;
    acceptor_.kill();                          // it may also wait for a place, or pause
    if (!acceptor_.ready()) acceptor_.join();  // else the runtime may have ended
    const std::size_t caller = crew_->includes_caller() ? 1 : 0;
    if (!crew_->wait_until_left(caller, grace)) {
        crew_->hurry();
        (void)crew_->wait_until_left(caller, {});
    }
    stopped_.notify_all();
}

}  // namespace detail

namespace net {

StreamServer::StreamServer(const Endpoint& at, Handler handler, const ServerOptions& options)
    : StreamServer{Listener::bind(at, options.listen), std::move(handler), options} {}

StreamServer::StreamServer(Listener listener, Handler handler, const ServerOptions& options)
    : state_{std::make_unique<detail::ServerState>(std::move(listener), std::move(handler), options)} {}

StreamServer::~StreamServer() {
    const Shield shield;
    state_->stop(0s);
}

void StreamServer::start() {
    state_->start();
}
void StreamServer::serve_forever() {
    state_->serve_forever();
}
void StreamServer::stop(Deadline grace) {
    state_->stop(grace);
}
Endpoint StreamServer::endpoint() const {
    return state_->endpoint();
}
std::size_t StreamServer::connections() const noexcept {
    return state_->connections();
}

}  // namespace net
}  // namespace grove
