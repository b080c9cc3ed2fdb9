#pragma once

#include <grove/base/time.hpp>
#include <grove/base/unique_function.hpp>
#include <grove/net/socket.hpp>

#include <cstddef>
#include <memory>

namespace grove::detail {
class ServerState;
}

namespace grove::net {

/// How a server runs its handlers; the handler's code is the same.
enum class Model {
    greenlets,    ///< one greenlet per connection
    threads,      ///< one OS thread per connection, no lock
    gil_threads,  ///< one OS thread per connection, all under the Gil: CPython's threading
};

struct ServerOptions {
    std::size_t max_connections = 10'000;  ///< beyond it, accepting pauses
    Model model = Model::greenlets;
    ListenOptions listen{};
};

/// Accepts connections and runs the handler for each in a greenlet (or thread) of its own; all share the one
/// handler. What a handler throws is logged and closes its connection; the server goes on. When descriptors
/// or memory run out, accepting pauses for 10 ms, and longer each time up to 1 s.
class StreamServer {
public:
    using Handler = UniqueFunction<void(Socket, const Endpoint& peer)>;

    /// Listens at once. Throws std::system_error, which names the endpoint: in use, not ours, not allowed.
    StreamServer(const Endpoint&, Handler, const ServerOptions& = {});
    /// On a listener that is there already; ServerOptions::listen has had its say.
    StreamServer(Listener, Handler, const ServerOptions& = {});
    ~StreamServer();  ///< stop(now). Blocks.
    StreamServer(const StreamServer&) = delete;
    StreamServer& operator=(const StreamServer&) = delete;

    /// Begins to accept, in the background: run() does not wait for it. Twice is once; after stop() it throws
    /// std::logic_error.
    void start();
    /// start(), then waits until stop() was called. Killed meanwhile, it stops the server. Blocks.
    void serve_forever();
    /// Stops accepting, lets handlers finish until the deadline, then kills them and waits for their end. OS
    /// threads cannot be killed: their sockets are shut down. A handler greenlet may stop its own server, and
    /// is not waited for. Blocks.
    void stop(Deadline grace = Clock::duration::zero());

    [[nodiscard]] Endpoint endpoint() const;
    [[nodiscard]] std::size_t connections() const noexcept;

private:
    std::unique_ptr<detail::ServerState> state_;
};

}  // namespace grove::net
