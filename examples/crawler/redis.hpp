#pragma once

#include <grove/base/time.hpp>
#include <grove/net/socket.hpp>
#include <grove/sync/lock.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;

namespace crawler {

struct RedisReply {
    bool nil = false;
    std::int64_t integer = 0;
    std::string text{};
    std::vector<RedisReply> items{};
};

/// A connection to a Redis server, over grove's sockets; hiredis formats and parses. Many greenlets may use
/// it.
class Redis {
public:
    using Command = std::vector<std::string>;

    /// Like redis://:password@host:6379/0. Throws std::invalid_argument if it is not. Connects when needed.
    explicit Redis(std::string_view url);
    ~Redis();

    /// Sends the commands together and gives the replies in their order. If the connection breaks, or the
    /// server is busy for a while, connects and sends them all again, for some time: they must bear being
    /// done twice. Throws std::runtime_error for what the server refuses, std::system_error when it is not to
    /// be reached. Blocks.
    std::vector<RedisReply> run(std::span<const Command>);
    RedisReply run(const Command& command) { return run(std::span{&command, 1}).front(); }  ///< Blocks.

private:
    struct FreeReader {
        void operator()(redisReader*) const noexcept;
    };
    void connect(grove::Deadline);
    [[nodiscard]] std::vector<RedisReply> exchange(std::span<const Command>);

    std::string host_;
    std::uint16_t port_ = 6379;
    std::vector<Command> greeting_;  // AUTH, SELECT
    grove::Lock lock_;               // of a request and its reply
    grove::net::Socket socket_;      // not open: no connection, or a broken one
    std::unique_ptr<redisReader, FreeReader> reader_;
};

}  // namespace crawler
