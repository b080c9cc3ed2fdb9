// The part of ResponseStream that compresses.

#include <grove/core/offload.hpp>

#include "http/access.hpp"
#include "http/response_stream.hpp"

#include <algorithm>
#include <charconv>

namespace grove::detail {

namespace {

// From here on a native thread does it: 64 KiB take milliseconds, and offload() some ten microseconds.
constexpr std::size_t offloaded = 64 * 1024;
// What is compressed at once, so that a large body does not stand in memory twice.
constexpr std::size_t slice = 256 * 1024;

bool is_worth_it(const http::Compression& options, const http::Headers& headers) {
    const auto type = headers.get("content-type");
    return type && std::ranges::any_of(options.types, [&](const std::string& each) {
               return equal_without_case(type->substr(0, each.size()), each);
           });
}

/// Whether the bytes are what they are: encoded already, a range of others, or not to be touched.
bool is_final(const http::Headers& headers) {
    const auto cache = headers.get("cache-control");
    return headers.get("content-encoding") || headers.get("content-range") ||
           (cache && list_contains(*cache, "no-transform"));
}

/// What a handler says of a body that it is about to write in pieces.
std::optional<std::uint64_t> announced_length(const http::Headers& headers) {
    std::uint64_t length = 0;
    const auto text = headers.get("content-length").value_or("");
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    return error == std::errc{} ? std::optional{length} : std::nullopt;
}

}  // namespace

void ResponseStream::choose_coding(const http::ResponseWriter& writer,
                                   std::optional<std::uint64_t> known_length) {
    const http::Compression& options = *options_.compression;
    const http::Headers& headers = writer.headers;
    // A 304 stands for a response that may have varied, of which only its handler knows the type.
    varies_ = writer.status == 304 || (is_worth_it(options, headers) && !is_final(headers));
    const bool has_body = writer.status != 204 && writer.status != 206 && writer.status != 304;
    if (!varies_ || !has_body || !http11_) return;

    const auto field = request_->headers.get("accept-encoding");
    if (!field) return;
    const AcceptedCodings accepted = parse_accept_encoding(*field);
    if (!known_length) known_length = announced_length(headers);
    if (known_length && *known_length < options.min_bytes && accepted.identity) return;
    if (accepted.best == Coding::identity) return;
    if (!to_head_) {
        if (!deflater_) deflater_ = std::make_unique<Deflater>(options.level);
        deflater_->start(accepted.best);
    }
    coding_ = accepted.best;
}

std::string_view ResponseStream::encode(std::string_view piece, Deflater::Flush flush) {
    encoded_.clear();
    const auto compress = [&] { deflater_->compress(piece, flush, encoded_); };
    if (piece.size() >= offloaded) {
        offload(compress);
    } else {
        compress();
    }
    return encoded_;
}

void ResponseStream::send_encoded(const http::ResponseWriter& writer,
                                  std::string_view whole,
                                  std::error_code& ec,
                                  Deadline by) {
    if (to_head_ || whole.size() > slice) {
        begin(writer, std::nullopt);
        return write_encoded(whole, Deflater::Flush::finish, ec, by);
    }
    const auto encoded = encode(whole, Deflater::Flush::finish);
    begin(writer, encoded.size());
    coding_ = Coding::identity;  // finish() has nothing more to add
    write_body(encoded, ec, by);
}

void ResponseStream::write_encoded(std::string_view piece,
                                   Deflater::Flush flush_mode,
                                   std::error_code& ec,
                                   Deadline by) {
    const bool last = flush_mode == Deflater::Flush::finish;
    if (framing_ == Framing::dropped) return write_body({}, ec, by);
    do {
        const auto part = piece.substr(0, slice);
        piece.remove_prefix(part.size());
        write_body(encode(part, piece.empty() ? flush_mode : Deflater::Flush::sync), ec, by);
    } while (!piece.empty() && !ec);
    if (last) coding_ = Coding::identity;  // finish() has nothing more to add
}

}  // namespace grove::detail
