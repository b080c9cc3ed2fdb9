#include "net/worker_listeners.hpp"

#include <grove/net/sharded.hpp>
#include <grove/net/workers.hpp>

#include "io/unique_fd.hpp"

namespace grove::detail {

WorkerListeners::WorkerListeners(const net::WorkersOptions& options) {
    for (const net::Endpoint& at : options.endpoints) {
        auto& listeners = per_endpoint_.emplace_back();
        if (options.listening == net::Listening::each && !at.is_unix()) {
            listeners = net::bind_sharded(options.count, at, options.listen);
        } else {
            listeners.push_back(net::Listener::bind(at, options.listen));
        }
    }
}

std::vector<net::Listener> WorkerListeners::take(std::size_t place) {
    std::vector<net::Listener> own;
    for (auto& listeners : per_endpoint_) {
        const std::size_t ours = listeners.size() == 1 ? 0 : place;
        for (std::size_t i = 0; i < listeners.size(); ++i) {
            // Given away, not closed: a Unix socket's file is the master's to remove.
            UniqueFd fd{listeners[i].release()};
            if (i == ours) own.push_back(net::Listener::adopt(fd.release()));
        }
    }
    per_endpoint_.clear();
    return own;
}

}  // namespace grove::detail
