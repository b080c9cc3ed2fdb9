#pragma once

#include <grove/http/client.hpp>

#include "http/access.hpp"
#include "http/client_connection.hpp"
#include "http/client_pool.hpp"
#include "http/inflate.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>

namespace grove::detail {

/// A request's use of a connection, from the wait for a place in the pool to the end of the response's body.
/// Then the connection goes back; destroyed earlier, as by a kill, the exchange closes it. Either way its
/// place is free.
class HttpExchange final : public BodySource {
public:
    HttpExchange(std::shared_ptr<HttpPool>, Deadline end) noexcept;

    /// Sends the request, once more if a kept connection was dead, and reads the response's head. May be
    /// called again after discard(). Blocks.
    void start(HttpCall, std::error_code& ec, Deadline by);
    /// Drops the body: reads it, if that is quick, to keep the connection. Blocks.
    void discard(Deadline by);

    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) override;
    [[nodiscard]] std::uint64_t announced() const noexcept override { return length_.value_or(0); }
    void give_up(std::error_code why) noexcept override { abandon(why); }

    [[nodiscard]] http::Response& response() noexcept { return response_; }
    [[nodiscard]] std::optional<std::uint64_t> length() const noexcept { return length_; }

private:
    void try_kept(const HttpCall&, std::error_code& ec, Deadline by);
    void begin_body(const HttpCall&);
    void finish();
    void abandon(std::error_code why) noexcept;

    http::Response response_;
    const std::shared_ptr<HttpPool> pool_;  // outlives its client, if need be
    std::optional<HttpPool::Lease> lease_;
    std::unique_ptr<HttpClientConnection> connection_;  // null when the body is over
    std::optional<InflatingSource> inflating_;
    std::optional<std::uint64_t> length_;
    std::error_code failure_;
    const Deadline end_;  // of the whole request, as the client's options have it
};

}  // namespace grove::detail
