#pragma once

#include <grove/base/time.hpp>
#include <grove/net/server.hpp>

#include <cstddef>
#include <memory>

namespace grove::detail {

/// Those who serve a server's connections, each by one call of the handler: one kind for each Model.
class Crew {
public:
    using Handler = net::StreamServer::Handler;

    Crew() = default;
    virtual ~Crew() = default;  ///< Requires: all have ended.
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    /// Throws if nobody can be found to do it.
    virtual void serve(net::Socket) = 0;
    [[nodiscard]] virtual std::size_t size() const noexcept = 0;
    /// False if there are still more than n at the deadline. Blocks.
    [[nodiscard]] virtual bool wait_until_left(std::size_t n, Deadline) = 0;
    /// Makes them end soon, but for the calling greenlet.
    virtual void hurry() noexcept = 0;
    /// Whether the calling greenlet is one of them.
    [[nodiscard]] virtual bool includes_caller() const noexcept = 0;
};

/// Requires: the handler outlives the crew.
[[nodiscard]] std::unique_ptr<Crew> make_greenlet_crew(Crew::Handler&);
[[nodiscard]] std::unique_ptr<Crew> make_thread_crew(Crew::Handler&, net::Model);

/// What each of them does. An exception is logged; an Unwind leaves.
void serve_connection(Crew::Handler&, net::Socket);

}  // namespace grove::detail
