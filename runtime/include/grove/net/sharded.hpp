#pragma once

#include <grove/core/sharded.hpp>
#include <grove/net/server.hpp>

#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

namespace grove::net {

/// n listeners (0: one for each core) on one endpoint, among which the system spreads new connections evenly
/// (SO_REUSEPORT). Port 0: all get the port it chose. A port that others listen on is an error, unless
/// reuse_port is set and they set it, too. A Unix socket has no such thing: they share one, and take
/// connections as they can; the first to be closed removes its file. Throws as Listener::bind. Any thread.
[[nodiscard]] std::vector<Listener> bind_sharded(std::size_t n, const Endpoint&, const ListenOptions& = {});

/// A Server for each listener, in a runtime and on a thread of its own: run_sharded(), until a stop signal.
/// A handler is copied for each; or, called with a Shard, makes the shard's own. The options are the
/// Server's. Blocks this thread.
///
///     auto listeners = bind_sharded(2, Endpoint::parse(":8080"));
///     serve_sharded<http::Server>(std::move(listeners), hello);
template <class Server = StreamServer, class Handler, class... Options>
void serve_sharded(std::vector<Listener> listeners, const Handler& handler, const Options&... options) {
    if (listeners.empty()) throw std::invalid_argument{"serve_sharded: no listeners"};
    const auto handler_of = [&handler]([[maybe_unused]] Shard shard) {
        if constexpr (std::invocable<const Handler&, Shard>) {
            return handler(shard);
        } else {
            return handler;
        }
    };
    run_sharded(listeners.size(), [&](Shard shard) {
        Server server{std::move(listeners[shard.index()]), handler_of(shard), options...};
        server.serve_forever();
    });
}

}  // namespace grove::net
