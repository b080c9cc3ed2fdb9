#include "http/body.hpp"

#include <grove/base/error.hpp>
#include <grove/io/stream.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string_view>

namespace grove::detail {

namespace {

constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();
// Chunks come through the input buffer: room for a few of them, and for the longest line between two.
constexpr std::size_t chunk_buffer = 16 * 1024;
constexpr std::size_t chunk_room = 4 * 1024;

std::span<const std::byte> bytes_of(std::string_view text) noexcept {
    return std::as_bytes(std::span{text});
}

}  // namespace

HttpBody::HttpBody(Transport& transport,
                   InputBuffer& input,
                   HttpParser& parser,
                   const PaceLimits& limits) noexcept
    : transport_{transport}, input_{input}, parser_{parser}, pace_{limits} {}

void HttpBody::start(std::uint64_t limit) noexcept {
    const HttpHead& head = parser_.head();
    framing_ = head.framing;
    complete_ = framing_ == HttpFraming::none;
    owes_continue_ = head.expects_continue && !complete_;
    left_ = framing_ == HttpFraming::length ? head.length : unlimited;
    allowed_ = limit;
    failure_.clear();
    pace_.start();
}

std::uint64_t HttpBody::announced() const noexcept {
    return framing_ == HttpFraming::length ? left_ : 0;
}

std::size_t HttpBody::read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    if (failure_) return fail(failure_, ec);
    if (complete_) return 0;
    if (owes_continue_) send_continue(ec, by);
    if (ec) return 0;

    const std::size_t n =
        framing_ == HttpFraming::chunked ? read_chunks(into, ec, by) : read_plain(into, ec, by);
    if (n > allowed_) return fail(std::make_error_code(std::errc::message_size), ec);
    allowed_ -= n;
    return n;
}

std::size_t HttpBody::read_plain(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    into = into.first(std::min<std::uint64_t>(into.size(), left_));
    std::size_t n = std::min(into.size(), input_.bytes().size());
    if (n > 0) {
        std::memcpy(into.data(), input_.bytes().data(), n);
        input_.consume(n);
    } else {
        n = receive(into, ec, by);
        if (ec) return 0;
        if (n == 0 && framing_ == HttpFraming::length) return fail(Errc::eof, ec);
    }
    if (framing_ == HttpFraming::length) left_ -= n;
    complete_ = n == 0 || left_ == 0;
    return n;
}

std::size_t HttpBody::read_chunks(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    for (;;) {
        std::size_t produced = 0;
        const auto [step, consumed] = parser_.parse_chunks(input_.bytes(), into, produced);
        if (step == HttpParser::Step::fault) return fail(Errc::bad_message, ec);
        input_.consume(consumed);
        complete_ = step == HttpParser::Step::done;
        if (complete_ || produced > 0) return produced;

        const std::size_t n = receive(input_.make_room(chunk_buffer, chunk_room), ec, by);
        if (ec) return 0;
        if (n == 0) return fail(Errc::eof, ec);
        input_.commit(n);
    }
}

std::size_t HttpBody::receive(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    const Deadline stalled = pace_.begin();
    const std::size_t n = transport_.read_some(into, ec, std::min(by, stalled));
    pace_.end(n);
    const bool only_late = ec == std::errc::timed_out && by < stalled;
    if (ec && !only_late) return fail(ec, ec);
    return n;
}

void HttpBody::send_continue(std::error_code& ec, Deadline by) {
    owes_continue_ = false;
    if (!input_.empty()) return;  // it did not wait
    const Deadline stalled = pace_.begin();
    failure_ = std::make_error_code(std::errc::operation_canceled);  // if we are killed half-way
    grove::write(transport_, bytes_of("HTTP/1.1 100 Continue\r\n\r\n"), ec, std::min(by, stalled));
    failure_ = ec;
}

std::size_t HttpBody::fail(std::error_code why, std::error_code& ec) noexcept {
    failure_ = why;
    ec = why;
    return 0;
}

bool HttpBody::drain(std::uint64_t most, Deadline by) {
    if (framing_ == HttpFraming::length && left_ > most) return false;
    allowed_ = std::min(allowed_, most);
    if (!complete_) throw_away_rest(by);
    return complete_ && !failure_;
}

/// Not inlined: most requests have no body, and their stacks then never have this buffer.
[[gnu::noinline]] void HttpBody::throw_away_rest(Deadline by) {
    std::array<std::byte, 2048> nowhere;
    std::error_code ec;
    while (!complete_ && !ec) read_some(nowhere, ec, by);
}

}  // namespace grove::detail
