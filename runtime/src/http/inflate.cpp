#include "http/inflate.hpp"

#include <grove/base/error.hpp>
#include <grove/http/client.hpp>

#include <new>
#include <zlib.h>

namespace grove::detail {

std::optional<HttpCoding> coding_of(std::string_view name) noexcept {
    if (equal_without_case(name, "gzip") || equal_without_case(name, "x-gzip")) return HttpCoding::gzip;
    if (equal_without_case(name, "deflate")) return HttpCoding::deflate;
    return std::nullopt;
}

struct InflatingSource::State {
    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { ::inflateEnd(&stream); }

    z_stream stream{};
    bool made = false;
    std::array<std::byte, 8192> encoded;
};

InflatingSource::InflatingSource(BodySource& encoded, HttpCoding coding)
    : encoded_{encoded}, coding_{coding}, state_{std::make_unique<State>()} {}

InflatingSource::~InflatingSource() = default;

std::size_t InflatingSource::read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    for (;;) {
        if (const std::size_t n = inflate_some(into, ec); n > 0 || ec) return n;
        if (!refill(ec, by)) return 0;
    }
}

/// False at the end, and if ec is set.
bool InflatingSource::refill(std::error_code& ec, Deadline by) {
    auto& stream = state_->stream;
    const std::size_t n = encoded_.read_some(state_->encoded, ec, by);
    if (!ec && n == 0 && begun_) ec = Errc::eof;
    stream.next_in = reinterpret_cast<unsigned char*>(state_->encoded.data());
    stream.avail_in = static_cast<unsigned>(n);
    return n > 0 && !ec;
}

std::size_t InflatingSource::inflate_some(std::span<std::byte> into, std::error_code& ec) {
    auto& stream = state_->stream;
    stream.next_out = reinterpret_cast<unsigned char*>(into.data());
    stream.avail_out = static_cast<unsigned>(into.size());
    // What zlib holds back for want of room comes out with the next room, also without more input.
    while (stream.avail_out > 0 && (stream.avail_in > 0 || begun_)) {
        if (!begun_) begin();
        const int result = ::inflate(&stream, Z_NO_FLUSH);
        if (result == Z_BUF_ERROR) break;  // it needs more input
        if (result == Z_MEM_ERROR) throw std::bad_alloc{};
        if (result != Z_OK && result != Z_STREAM_END) {
            ec = http::ClientErrc::bad_encoding;
            encoded_.give_up(ec);
            return 0;
        }
        begun_ = result != Z_STREAM_END;
    }
    return into.size() - stream.avail_out;
}

void InflatingSource::begin() {
    constexpr int largest_window = 15;
    constexpr int gzip_only = 16;
    constexpr unsigned deflated = 8;  // the method in the first byte of zlib's header
    auto& stream = state_->stream;
    const bool bare = coding_ == HttpCoding::deflate && (*stream.next_in & 0x0f) != deflated;
    const int window =
        coding_ == HttpCoding::gzip ? largest_window + gzip_only : (bare ? -largest_window : largest_window);
    const int result = state_->made ? ::inflateReset2(&stream, window) : ::inflateInit2(&stream, window);
    if (result != Z_OK) throw std::bad_alloc{};
    state_->made = begun_ = true;
}

}  // namespace grove::detail
