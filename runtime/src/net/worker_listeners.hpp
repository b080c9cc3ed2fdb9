#pragma once

#include <grove/net/socket.hpp>

#include <cstddef>
#include <vector>

namespace grove::net {
struct WorkersOptions;
}

namespace grove::detail {

/// The listeners that a master binds and its workers inherit. While the master lives they are open: what
/// connects meanwhile waits until some worker accepts it, whatever becomes of the one that was to.
class WorkerListeners {
public:
    explicit WorkerListeners(const net::WorkersOptions&);

    /// In a worker: its own, one per endpoint, of which the master does not know any more. The others are
    /// closed here.
    [[nodiscard]] std::vector<net::Listener> take(std::size_t place);
    void close() noexcept { per_endpoint_.clear(); }

private:
    std::vector<std::vector<net::Listener>> per_endpoint_;  // each: one for all, or one per place
};

}  // namespace grove::detail
