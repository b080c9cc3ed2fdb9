#pragma once

#include "http/access.hpp"
#include "http/input_buffer.hpp"
#include "http/pace.hpp"
#include "http/parser.hpp"
#include "http/transport.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

namespace grove::detail {

/// The body of the message that comes in on a connection, taken out of its framing. One object serves the
/// connection's messages in turn.
///
/// A failure is final: the bytes behind it belong to nobody, and every later read fails the same way. Only
/// running into the caller's own deadline is none.
class HttpBody final : public BodySource {
public:
    HttpBody(Transport&, InputBuffer&, HttpParser&, const PaceLimits&) noexcept;

    /// Begins the body of the message whose head the parser has just done.
    void start(std::uint64_t limit) noexcept;

    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) override;
    void give_up(std::error_code why) noexcept override { failure_ = why; }
    [[nodiscard]] std::uint64_t announced() const noexcept override;
    /// Reads to the end and drops it; false if that is more than `most` bytes, takes too long, or fails.
    [[nodiscard]] bool drain(std::uint64_t most, Deadline by);

    [[nodiscard]] bool complete() const noexcept { return complete_; }
    [[nodiscard]] bool has_length() const noexcept { return framing_ == HttpFraming::length; }
    [[nodiscard]] std::error_code failure() const noexcept { return failure_; }

    /// What has come behind it, when it is complete.
    [[nodiscard]] InputBuffer& input() noexcept { return input_; }

    /// Whether the peer waits for "100 Continue" before it sends. The first read answers it.
    [[nodiscard]] bool owes_continue() const noexcept { return owes_continue_; }
    void forgo_continue() noexcept { owes_continue_ = false; }

private:
    std::size_t read_plain(std::span<std::byte> into, std::error_code& ec, Deadline by);
    std::size_t read_chunks(std::span<std::byte> into, std::error_code& ec, Deadline by);
    std::size_t receive(std::span<std::byte> into, std::error_code& ec, Deadline by);
    void send_continue(std::error_code& ec, Deadline by);
    void throw_away_rest(Deadline by);
    std::size_t fail(std::error_code why, std::error_code& ec) noexcept;

    Transport& transport_;
    InputBuffer& input_;
    HttpParser& parser_;
    Pace pace_;

    HttpFraming framing_ = HttpFraming::none;
    bool complete_ = true;
    bool owes_continue_ = false;
    std::uint64_t left_ = 0;     // of the length announced; without one, as much as may come
    std::uint64_t allowed_ = 0;  // until the limit
    std::error_code failure_;
};

}  // namespace grove::detail
