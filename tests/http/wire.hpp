#pragma once

#include <grove/core/greenlet.hpp>
#include <grove/http/server.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/socket.hpp>
#include <grove/sync/group.hpp>

#include "net/loopback.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

// The other end of a connection, byte by byte.

namespace grove::testing {

class Wire {
public:
    explicit Wire(const net::Endpoint& at) : socket{net::Socket::connect(at, patience)} {}
    explicit Wire(net::Socket connected) : socket{std::move(connected)} {}

    void send(std::string_view text) { write(socket, text, patience); }

    /// All until the peer closes; a reset counts as closing.
    std::string read_to_end() {
        std::error_code ec;
        while (receive(ec) > 0) {
        }
        if (ec && ec != std::errc::connection_reset) throw std::system_error{ec, "read_to_end"};
        return std::exchange(received_, {});
    }
    /// All up to and with the text, or to the end.
    std::string read_through(std::string_view text) {
        std::error_code ec;
        std::size_t found;
        while ((found = received_.find(text)) == std::string::npos && receive(ec) > 0) {
        }
        if (ec) throw std::system_error{ec, "read_through"};
        const std::size_t n = found == std::string::npos ? received_.size() : found + text.size();
        std::string result = received_.substr(0, n);
        received_.erase(0, n);
        return result;
    }
    /// Whether nothing more comes for now.
    bool silent() {
        std::error_code ec;
        const std::size_t n = receive(ec, std::chrono::milliseconds{20});
        return n == 0 && ec == std::errc::timed_out && received_.empty();
    }

    net::Socket socket;

private:
    std::size_t receive(std::error_code& ec, Deadline by = patience) {
        std::array<std::byte, 2048> buffer;
        const std::size_t n = socket.read_some(buffer, ec, by);
        received_.append(reinterpret_cast<const char*>(buffer.data()), n);
        return n;
    }

    std::string received_;
};

/// A started server, and connections to it.
class TestServer {
public:
    explicit TestServer(http::Server::Handler handler, const http::ServerOptions& options = {})
        : server{any_port, std::move(handler), options} {
        server.start();
    }

    Wire connect() { return Wire{server.endpoint()}; }
    /// What comes back on a connection of its own, until the server closes it.
    std::string ask(std::string_view request) {
        Wire wire = connect();
        wire.send(request);
        wire.socket.shutdown(net::Side::write);
        return wire.read_to_end();
    }
    std::string url(std::string_view path) const {
        return "http://" + server.endpoint().to_string() + std::string{path};
    }

    http::Server server;
};

/// Does what a script says on each connection, then closes it.
class ScriptedServer {
public:
    /// n: the how-manieth connection it is, from 1.
    using Script = std::function<void(Wire&, int n)>;

    explicit ScriptedServer(Script script)
        : listener{net::Listener::bind(any_port)}, script_{std::move(script)} {
        acceptor_ = spawn([this] { accept_all(); });
    }
    ~ScriptedServer() {
        acceptor_.kill();
        acceptor_.join();
    }

    std::string url(std::string_view path) const {
        return "http://" + listener.local().to_string() + std::string{path};
    }
    int open() const { return static_cast<int>(conversations_.size()); }

    net::Listener listener;
    int connections = 0;

private:
    void accept_all() {
        for (;;) {
            auto socket = listener.accept();
            const int n = ++connections;
            conversations_.spawn([this, n, own = std::move(socket)]() mutable {
                Wire wire{std::move(own)};
                script_(wire, n);
            });
        }
    }

    Script script_;
    Group conversations_;
    Greenlet<void> acceptor_;
};

/// Without its Date, which changes.
inline std::string undated(std::string response) {
    for (std::size_t at; (at = response.find("Date: ")) != std::string::npos;) {
        response.erase(at, response.find("\r\n", at) + 2 - at);
    }
    return response;
}

}  // namespace grove::testing
