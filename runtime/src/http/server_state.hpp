#pragma once

#include <grove/http/server.hpp>
#include <grove/net/server.hpp>

#include "http/access_log.hpp"
#include "http/transport.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>

namespace grove::detail {

class HttpConnection;

/// A server: its handler, its options, and its connections, which may live on threads of their own.
class HttpServerState {
public:
    HttpServerState(net::Listener, http::Server::Handler, const http::ServerOptions&);

    /// Serves one connection until it ends. Blocks.
    void serve(net::Socket);
    void stop(Deadline grace);  ///< Blocks.

    // For connections; any thread.
    void add(HttpConnection&) noexcept;
    void remove(HttpConnection&) noexcept;
    [[nodiscard]] const std::atomic<bool>& closing() const noexcept { return closing_; }
    [[nodiscard]] const http::ServerOptions& options() const noexcept { return options_; }
    [[nodiscard]] AccessLogFile* access_log() const noexcept { return access_log_.get(); }  ///< may be null
    void handle(http::Request& request, http::ResponseWriter& writer) { handler_(request, writer); }

    [[nodiscard]] net::StreamServer& listener() noexcept { return listener_; }

private:
    [[nodiscard]] bool open(Transport&);

    http::Server::Handler handler_;
    const http::ServerOptions options_;
    const std::unique_ptr<AccessLogFile> access_log_;
    std::atomic<std::size_t> serving_{0};
    std::atomic<bool> closing_{false};  // stop() was called: no more requests

    std::mutex
        mutex_;  // with Model::threads they come and go at once; never held across anything that blocks
    HttpConnection* first_ = nullptr;  // guarded by mutex_, as are their links

    net::StreamServer listener_;  // the first to be destroyed: its greenlets and threads use the rest
};

}  // namespace grove::detail
