#include "http/response_stream.hpp"

#include <grove/base/assert.hpp>
#include <grove/base/error.hpp>
#include <grove/net/send_file.hpp>

#include "base/log.hpp"
#include "http/access.hpp"
#include "http/head_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <utility>

namespace grove {

namespace detail {

namespace {

// Up to this much, a copy behind the head costs less than a gathered write.
constexpr std::size_t joined_write = 1024;
// Under TLS each piece is a record, and a system call: up to a record's size they are joined.
constexpr std::size_t joined_write_tls = 15 * 1024;
// Of a file, read and written at once.
constexpr std::size_t file_piece = 256 * 1024;
// From such a piece on, a peer that does not read could make the system keep megabytes for it.
constexpr std::size_t large_piece = 64 * 1024;
constexpr int most_unsent = 1024 * 1024;
// By one call of send_file(), after which a peer that took anything has time again.
constexpr std::uint64_t sent_at_once = 4 * 1024 * 1024;

std::uint64_t parse_length(std::string_view text) {
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    if (error != std::errc{} || end != text.data() + text.size()) {
        throw std::invalid_argument{"http: Content-Length is not a number"};
    }
    return length;
}

/// Those of a handler's fields that concern the framing, by length first: nearly all others end there.
enum class Role { plain, length, coding, connection, date, etag };

Role role_of(std::string_view name) noexcept {
    switch (name.size()) {
        case 4:
            if (equal_without_case(name, "etag")) return Role::etag;
            return equal_without_case(name, "date") ? Role::date : Role::plain;
        case 10:
            return equal_without_case(name, "connection") ? Role::connection : Role::plain;
        case 14:
            return equal_without_case(name, "content-length") ? Role::length : Role::plain;
        case 17:
            return equal_without_case(name, "transfer-encoding") ? Role::coding : Role::plain;
        default:
            return Role::plain;
    }
}

}  // namespace

ResponseStream::ResponseStream(Transport& transport,
                               HttpBody& request_body,
                               const std::atomic<bool>& closing,
                               const http::ServerOptions& options) noexcept
    : transport_{transport},
      request_body_{request_body},
      closing_{closing},
      options_{options},
      pace_{pace_limits(options)} {}

void ResponseStream::start(const HttpHead& head, const http::Request& request, bool last) noexcept {
    out_.clear();
    request_ = &request;
    framing_ = Framing::dropped;
    coding_ = Coding::identity;
    varies_ = false;
    left_ = 0;
    plain_left_.reset();
    sent_ = 0;
    status_ = 0;
    started_ = false;
    keep_alive_ = head.keep_alive && !last;
    http11_ = head.http11;
    to_head_ = request.method == "HEAD";
    pace_.start();
}

void ResponseStream::upgrade() noexcept {
    GROVE_ASSERT(!started_, "a connection is upgraded before anything is written");
    status_ = 101;
    started_ = true;
    upgraded_ = true;
    keep_alive_ = false;
}

void ResponseStream::write(const http::ResponseWriter& writer,
                           std::string_view piece,
                           std::error_code& ec,
                           Deadline by) {
    if (!started_) {
        if (options_.compression) choose_coding(writer, std::nullopt);
        begin(writer, std::nullopt);
    }
    if (coding_ != Coding::identity) return write_encoded(piece, Deflater::Flush::sync, ec, by);
    write_body(piece, ec, by);
}

void ResponseStream::write_endless(const http::ResponseWriter& writer,
                                   std::string_view piece,
                                   std::error_code& ec,
                                   Deadline by) {
    write(writer, piece, ec, by);
    if (!ec && framing_ == Framing::dropped) ec = failure_ = Errc::closed;
}

void ResponseStream::send(const http::ResponseWriter& writer,
                          std::string_view whole,
                          std::error_code& ec,
                          Deadline by) {
    GROVE_ASSERT(!started_, "send() is for a whole body: write() came before it");
    if (!started_) {
        if (options_.compression) choose_coding(writer, whole.size());
        if (coding_ != Coding::identity) return send_encoded(writer, whole, ec, by);
        begin(writer, whole.size());
    }
    write_body(whole, ec, by);
}

void ResponseStream::write_file(const http::ResponseWriter& writer,
                                File& file,
                                std::uint64_t offset,
                                std::uint64_t bytes,
                                std::error_code& ec,
                                Deadline by) {
    ec.clear();
    if (bytes >= large_piece && transport_.plain()) {
        if (!started_) write(writer, {}, ec, by);
        if (ec) return;
        if (framing_ == Framing::length) return send_file(file, offset, bytes, ec, by);
    }
    const std::size_t room = std::min<std::uint64_t>(bytes, file_piece);
    const std::unique_ptr<char[]> buffer{new char[room]};
    while (bytes > 0 && !ec) {
        const std::size_t most = std::min<std::uint64_t>(bytes, room);
        const std::size_t n = file.read_at(offset, std::as_writable_bytes(std::span{buffer.get(), most}), ec);
        if (ec || n == 0) return;
        write(writer, {buffer.get(), n}, ec, by);
        offset += n;
        bytes -= n;
    }
}

/// The system itself takes the bytes from its cache to the socket, since nothing has to be done to them.
void ResponseStream::send_file(
    File& file, std::uint64_t offset, std::uint64_t bytes, std::error_code& ec, Deadline by) {
    ec = failure_;
    bytes = std::min(bytes, left_);
    limit_unsent();
    while (bytes > 0 && !ec) {
        failure_ = std::make_error_code(std::errc::operation_canceled);  // if we are killed half-way
        const net::FileRange piece{offset, std::min<std::uint64_t>(bytes, sent_at_once)};
        const std::uint64_t n =
            net::send_file(*transport_.plain(), file, piece, ec, std::min(by, pace_.begin()));
        pace_.end(n);
        if (ec == std::errc::timed_out && n > 0) ec.clear();  // it moves
        failure_ = ec == Errc::eof ? std::error_code{} : ec;  // the file has shrunk: finish() will see
        sent_ += n;
        left_ -= n;
        offset += n;
        bytes -= n;
    }
    if (ec == Errc::eof) ec.clear();
}

void ResponseStream::finish(const http::ResponseWriter& writer, std::error_code& ec) {
    ec = failure_;
    if (ec) return;
    if (!started_) {
        // A HEAD request's answer that was not written says nothing about the body a GET would have had.
        std::optional<std::uint64_t> known{0};
        if (to_head_ || writer.headers.get("content-length")) known.reset();
        if (options_.compression) choose_coding(writer, known);
        if (coding_ != Coding::identity) known.reset();
        begin(writer, known);
        write_body({}, ec, {});
    }
    if (framing_ == Framing::chunked && plain_left_.value_or(0) > 0 && !ec) {
        note_shortness();
        failure_ = ec = std::make_error_code(std::errc::operation_canceled);  // no last chunk: it is cut off
        return;
    }
    if (coding_ != Coding::identity) write_encoded({}, Deflater::Flush::finish, ec, {});
    if (framing_ == Framing::chunked && !ec) finish_chunks(writer.trailers, ec);
    if (framing_ == Framing::length && left_ > 0) note_shortness();
}

void ResponseStream::note_shortness() {
    log(Level::warning, "http: a handler wrote less than its Content-Length");
    keep_alive_ = false;
}

// --- the head -------------------------------------------------------------------------------------

void ResponseStream::begin(const http::ResponseWriter& writer, std::optional<std::uint64_t> known_length) {
    if (writer.status < 200 || writer.status > 999)
        throw std::invalid_argument{"http: no status to answer with"};
    out_.clear();  // an earlier begin() may have thrown
    append_status_line(out_, writer.status);
    const Announced announced = append_fields(writer.headers);
    if (!announced.date) append_date(out_);

    if (request_body_
            .owes_continue()) {  // the body may come or not: no telling where the next request begins
        request_body_.forgo_continue();
        keep_alive_ = false;
    }
    if (announced.close || closing_.load(std::memory_order_relaxed)) keep_alive_ = false;
    // Without a body of its own, a response announces the one it stands for.
    const bool take_announced = !known_length || writer.status == 304 || (to_head_ && announced.length);
    const bool encoded = coding_ != Coding::identity;  // then it is not the handler's to announce
    if (encoded) plain_left_ = announced.length;
    append_framing(writer.status, take_announced && !encoded ? announced.length : known_length);
    if (!keep_alive_) {
        out_ += "Connection: close\r\n";
    } else if (!http11_) {
        out_ += "Connection: keep-alive\r\n";
    }
    out_ += "\r\n";
    status_ = writer.status;
    started_ = true;
}

ResponseStream::Announced ResponseStream::append_fields(const http::Headers& headers) {
    Announced announced;
    for (const auto& [name, value] : headers) {
        const Role role = role_of(name);
        if (role == Role::length) announced.length = parse_length(value);
        if (role == Role::connection && list_contains(value, "close")) announced.close = true;
        if (role == Role::date) announced.date = true;
        if (role == Role::plain || role == Role::date) append_field(out_, name, value);
        if (role == Role::etag) {
            // These bytes are others than those it was made for.
            if (coding_ != Coding::identity && !value.starts_with("W/")) {
                append_field(out_, name, "W/" + value);
            } else {
                append_field(out_, name, value);
            }
        }
    }
    if (varies_) out_ += "Vary: Accept-Encoding\r\n";
    if (coding_ != Coding::identity) append_field(out_, "Content-Encoding", name_of(coding_));
    return announced;
}

void ResponseStream::append_framing(int status, std::optional<std::uint64_t> length) {
    if (status == 204) return;  // dropped, and not even announced
    if (length) {
        framing_ = Framing::length;
        left_ = *length;
        out_ += "Content-Length: ";
        append_number(out_, *length);
        out_ += "\r\n";
    } else if (status == 304) {
        return;
    } else if (http11_) {
        framing_ = Framing::chunked;
        out_ += "Transfer-Encoding: chunked\r\n";
    } else {
        framing_ = Framing::until_close;
        keep_alive_ = keep_alive_ && to_head_;
    }
    if (to_head_ || status == 304) framing_ = Framing::dropped;
}

// --- the body -------------------------------------------------------------------------------------

void ResponseStream::write_body(std::string_view piece, std::error_code& ec, Deadline by) {
    std::string_view suffix;
    switch (framing_) {
        case Framing::dropped:
            piece = {};
            break;
        case Framing::length:
            piece = clipped(piece, left_);
            break;
        case Framing::chunked:
            if (piece.empty()) break;  // an empty chunk would be the last
            append_number(out_, piece.size(), 16);
            out_ += "\r\n";
            suffix = "\r\n";
            break;
        case Framing::until_close:
            break;
    }
    sent_ += piece.size();
    flush(piece, suffix, ec, by);
}

void ResponseStream::finish_chunks(const http::Headers& trailers, std::error_code& ec) {
    out_ += "0\r\n";
    for (const auto& [name, value] : trailers) append_field(out_, name, value);
    out_ += "\r\n";
    flush({}, {}, ec, {});
}

std::string_view ResponseStream::clipped(std::string_view piece, std::uint64_t& left) {
    if (piece.size() > left) {
        log(Level::warning, "http: a handler wrote more than its Content-Length");
        keep_alive_ = false;
        piece = piece.substr(0, left);
    }
    left -= piece.size();
    return piece;
}

void ResponseStream::limit_unsent() {
    if (!std::exchange(unsent_limited_, true)) transport_.limit_unsent(most_unsent);
}

void ResponseStream::flush(std::string_view piece,
                           std::string_view suffix,
                           std::error_code& ec,
                           Deadline by) {
    ec = failure_;
    if (ec) return out_.clear();
    failure_ = std::make_error_code(std::errc::operation_canceled);  // if we are killed half-way
    if (piece.size() >= large_piece) limit_unsent();
    if (piece.size() <= (transport_.secure() ? joined_write_tls : joined_write)) {
        out_.append(piece).append(suffix);
        piece = suffix = {};
    }
    std::array<std::string_view, 3> pieces{out_, piece, suffix};
    std::size_t left = out_.size() + piece.size() + suffix.size();
    while (left > 0 && !ec) left -= write_some(pieces, ec, by);
    out_.clear();
    failure_ = ec;
}

/// Takes what has left off the pieces.
std::size_t ResponseStream::write_some(std::span<std::string_view> pieces, std::error_code& ec, Deadline by) {
    std::array<std::span<const std::byte>, 3> spans;
    std::size_t count = 0;
    for (const auto piece : pieces) {
        if (!piece.empty()) spans[count++] = std::as_bytes(std::span{piece});
    }
    const Deadline limit = std::min(by, pace_.begin());
    const std::size_t written = count == 1 ? transport_.write_some(spans[0], ec, limit)
                                           : transport_.write_some(std::span{spans}.first(count), ec, limit);
    pace_.end(written);
    std::size_t n = written;
    for (auto& piece : pieces) {
        const std::size_t gone = std::min(n, piece.size());
        piece.remove_prefix(gone);
        n -= gone;
    }
    return written;
}

void ResponseStream::release(std::size_t kept) noexcept {
    if (out_.capacity() > kept) std::string{}.swap(out_);
    if (encoded_.capacity() > kept) std::string{}.swap(encoded_);
    deflater_.reset();
}

}  // namespace detail

// --- ResponseWriter -------------------------------------------------------------------------------

namespace http {

void ResponseWriter::write(std::string_view piece, Deadline by) {
    std::error_code ec;
    write(piece, ec, by);
    if (ec) throw std::system_error{ec, "http: writing a response"};
}

void ResponseWriter::write(std::string_view piece, std::error_code& ec, Deadline by) {
    stream_.write(*this, piece, ec, by);
}

void ResponseWriter::send(std::string_view whole, Deadline by) {
    std::error_code ec;
    send(whole, ec, by);
    if (ec) throw std::system_error{ec, "http: writing a response"};
}

void ResponseWriter::send(std::string_view whole, std::error_code& ec, Deadline by) {
    stream_.send(*this, whole, ec, by);
}

void ResponseWriter::write_file(File& file, std::uint64_t offset, std::uint64_t bytes, Deadline by) {
    std::error_code ec;
    write_file(file, offset, bytes, ec, by);
    if (ec) throw std::system_error{ec, "http: writing a response"};
}

void ResponseWriter::write_file(
    File& file, std::uint64_t offset, std::uint64_t bytes, std::error_code& ec, Deadline by) {
    stream_.write_file(*this, file, offset, bytes, ec, by);
}

bool ResponseWriter::started() const noexcept {
    return stream_.started();
}

}  // namespace http
}  // namespace grove
