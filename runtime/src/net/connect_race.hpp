#pragma once

#include <grove/net/socket.hpp>
#include <grove/sync/group.hpp>
#include <grove/sync/queue.hpp>

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <vector>

namespace grove::detail {

/// Connects to the first of several addresses that answers (Happy Eyeballs, RFC 8305): they are tried in
/// turn, by family alternately, each as soon as the one before has failed or has not answered for a moment.
/// For a greenlet.
class ConnectRace {
public:
    ConnectRace(const std::vector<net::IpAddress>& addresses, std::uint16_t port, Deadline by);

    /// Blocks.
    [[nodiscard]] net::Socket run(std::error_code& ec);

    /// The order to try them in.
    [[nodiscard]] static std::vector<net::IpAddress> interleaved(const std::vector<net::IpAddress>&);

private:
    struct Outcome {
        net::Socket socket;
        std::error_code ec;
    };

    void start_next();
    [[nodiscard]] bool all_started() const noexcept { return started_ == addresses_.size(); }

    std::vector<net::IpAddress> addresses_;
    std::uint16_t port_;
    Deadline by_;
    std::size_t started_ = 0;
    std::size_t failed_ = 0;
    Queue<Outcome> outcomes_;
    Group attempts_;  // after all that they use: it ends those that run
};

}  // namespace grove::detail
