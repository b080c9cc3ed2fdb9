#pragma once

#include <grove/core/runtime.hpp>
#include <grove/io/process.hpp>
#include <grove/net/socket.hpp>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>

namespace grove::testing {

/// A Redis server of its own, without a file.
class RedisServer {
public:
    RedisServer()
        : port_{free_port()},
          process_{Process::start({.argv = {"redis-server",
                                            "--port",
                                            std::to_string(port_),
                                            "--bind",
                                            "127.0.0.1",
                                            "--save",
                                            "",
                                            "--logfile",
                                            "/dev/null"},
                                   .output = Stdio::null()})} {
        const Deadline patience{Clock::now() + std::chrono::seconds{20}};
        std::error_code ec;
        do {
            if (patience.passed()) throw std::runtime_error{"redis-server does not listen"};
            yield();
            (void)net::Socket::connect("127.0.0.1", port_, ec);
        } while (ec);
    }
    ~RedisServer() {
        process_.kill(SIGKILL);
        process_.wait();
    }

    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::string url() const { return "redis://" + address() + "/1"; }

private:
    static std::uint16_t free_port() {
        return net::Listener::bind(net::Endpoint::parse("127.0.0.1:0")).local().port();
    }

    std::uint16_t port_;
    Process process_;
};

}  // namespace grove::testing
