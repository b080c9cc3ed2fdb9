#pragma once

#include <grove/base/unique_function.hpp>
#include <grove/net/socket.hpp>

#include <memory>

namespace grove::net {

/// How a server runs its handlers; the handler's code is the same.
enum class Model {
    greenlets,       ///< one greenlet per connection
    threads,         ///< one OS thread per connection, no lock
    gil_threads,     ///< one OS thread per connection, all under the Gil: CPython's threading
};

struct ServerOptions {
    std::size_t max_connections = 10'000;  ///< beyond it, accepting pauses
    Model model = Model::greenlets;
    ListenOptions listen{};
};

/// Accepts connections and runs the handler for each in a greenlet of its own. What a handler
/// throws is logged and closes its connection; the server goes on.
class StreamServer {
public:
    using Handler = UniqueFunction<void(Socket, const Endpoint& peer)>;

    StreamServer(const Endpoint&, Handler, const ServerOptions& = {});  ///< listens at once
    ~StreamServer();                                                    ///< stop(now). Blocks.

    void start();          ///< begins to accept, in the background
    void serve_forever();  ///< start(), then waits to be killed or stopped. Blocks.
    /// Stops accepting, lets handlers finish until the deadline, then kills them. Blocks.
    void stop(Deadline grace = Clock::duration::zero());

    [[nodiscard]] Endpoint endpoint() const;
    [[nodiscard]] std::size_t connections() const noexcept;

private:
    std::unique_ptr<detail::ServerState> state_;
};

}  // namespace grove::net
