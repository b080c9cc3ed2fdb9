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

/// Whether the bytes are what they are: encoded already, or not to be touched.
bool is_final(const http::Headers& headers) {
    const auto cache = headers.get("cache-control");
    return headers.get("content-encoding") || (cache && list_contains(*cache, "no-transform"));
}

/// Whether the response may be another one for another Accept-Encoding, or stands for one that may. Of a 304
/// only its handler knows the type, as it does of several parts.
bool may_vary(const http::Compression& options, int status, const http::Headers& headers) {
    if (status == 304) return true;
    const bool in_parts =
        status == 206 && headers.get("content-type").value_or("").starts_with("multipart/byteranges");
    return (in_parts || is_worth_it(options, headers)) && !is_final(headers);
}

/// Whether it has a body, and all of it: a range is one of the plain bytes.
bool is_whole(int status, const http::Headers& headers) {
    return status != 204 && status != 206 && status != 304 && !headers.get("content-range");
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
    varies_ = may_vary(options, writer.status, headers);
    if (!varies_ || !is_whole(writer.status, headers) || !http11_) return;

    const auto accepted = accepted_codings(request_->headers);
    if (!accepted || accepted->best == Coding::identity) return;
    if (!known_length) known_length = announced_length(headers);
    if (known_length && *known_length < options.min_bytes && accepted->identity) return;
    if (!to_head_) {
        if (!deflater_) deflater_ = std::make_unique<Deflater>(options.level);
        deflater_->start(accepted->best);
    }
    coding_ = accepted->best;
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
        plain_left_.reset();  // whatever was announced, it is this
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
    if (plain_left_) piece = clipped(piece, *plain_left_);
    do {
        const auto part = piece.substr(0, slice);
        piece.remove_prefix(part.size());
        write_body(encode(part, piece.empty() ? flush_mode : Deflater::Flush::sync), ec, by);
    } while (!piece.empty() && !ec);
    if (last) coding_ = Coding::identity;  // finish() has nothing more to add
}

}  // namespace grove::detail
