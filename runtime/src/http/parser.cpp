#include "http/parser.hpp"

#include "core/hub_stack.hpp"
#include "http/access.hpp"
#include "http/target.hpp"

// Beast unfolds values in a buffer of 4 KiB on the stack, in parse_fields(): hence on the hub's.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wframe-larger-than="
#include <boost/beast/http/basic_parser.hpp>
#pragma GCC diagnostic pop

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <type_traits>

namespace grove::detail {

namespace {

namespace beast_http = boost::beast::http;
using BeastError = boost::beast::error_code;
using BeastView = boost::beast::string_view;

// A chunk's line, or all trailers. Far more than anyone sends, and less than the buffer they must fit in.
constexpr std::size_t max_chunk_line = 8 * 1024;
// Of one body's chunks, together: else a body of one byte may come in 8 KiB.
constexpr std::size_t max_extensions = 16 * 1024;
// "0\r\n\r\n": nothing shorter can follow in a chunked body outside of a chunk's data. (Fed less, Beast 1.81
// asserts.)
constexpr std::size_t shortest_end = 5;

std::string_view view(BeastView text) noexcept {
    return {text.data(), text.size()};
}

bool has_control(std::string_view text) noexcept {
    return std::ranges::any_of(
        text, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

bool is_number(std::string_view text) noexcept {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// --- one message ----------------------------------------------------------------------------------

/// Fields that must not come behind a body: who reads them there would believe what nobody checked.
bool may_trail(std::string_view name) noexcept {
    static constexpr std::array<std::string_view, 18> early{"authorization",
                                                            "cache-control",
                                                            "connection",
                                                            "content-encoding",
                                                            "content-length",
                                                            "content-range",
                                                            "content-type",
                                                            "cookie",
                                                            "expect",
                                                            "host",
                                                            "max-forwards",
                                                            "proxy-authorization",
                                                            "range",
                                                            "set-cookie",
                                                            "te",
                                                            "trailer",
                                                            "transfer-encoding",
                                                            "upgrade"};
    return std::ranges::none_of(early, [name](auto each) { return equal_without_case(name, each); });
}

/// Beast's state machine, and the checks it leaves out. Not for reuse: each message has its own.
template <bool IsRequest>
class Machine final : public beast_http::basic_parser<IsRequest> {
public:
    using Message = std::conditional_t<IsRequest, http::Request, http::Response>;

    Machine(Message& into, std::uint32_t max_header_bytes, std::size_t max_fields)
        : message_{into}, max_fields_{max_fields} {
        this->header_limit(max_header_bytes);
        this->body_limit(boost::none);
    }

    std::size_t feed(std::string_view bytes, BeastError& ec) {
        input_ = bytes;
        std::size_t consumed = 0;
        on_hub_stack([&] { consumed = this->put({bytes.data(), bytes.size()}, ec); });
        return consumed;
    }
    /// Where the next chunks' data goes.
    void set_room(std::span<std::byte> into) noexcept { room_ = into; }

    [[nodiscard]] std::span<std::byte> room() const noexcept { return room_; }
    [[nodiscard]] std::uint64_t left_in_chunk() const noexcept { return left_in_chunk_; }
    [[nodiscard]] int refused() const noexcept { return refused_; }  ///< 0: by Beast, if at all
    [[nodiscard]] HttpHead head() const;

private:
    void on_request_impl(
        beast_http::verb, BeastView method, BeastView target, int version, BeastError&) override;
    void on_response_impl(int status, BeastView reason, int version, BeastError&) override;
    void on_field_impl(beast_http::field, BeastView name, BeastView value, BeastError&) override;
    void on_header_impl(BeastError&) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>&, BeastError&) override {}
    std::size_t on_body_impl(BeastView, BeastError&) override {
        return 0;
    }  // bodies of known length do not come here
    void on_chunk_header_impl(std::uint64_t size, BeastView extensions, BeastError&) override;
    std::size_t on_chunk_body_impl(std::uint64_t left, BeastView data, BeastError&) override;
    void on_finish_impl(BeastError&) override {}

    void add_trailer(std::string_view name, std::string_view value, BeastError&);
    void check_framing_field(beast_http::field, std::string_view value, BeastError&);
    [[nodiscard]] bool is_folded(std::string_view name, std::string_view value) const noexcept;
    void refuse(int fault, BeastError& ec) noexcept {
        refused_ = fault;
        ec = beast_http::error::bad_value;
    }

    Message& message_;
    const std::size_t max_fields_;
    std::string_view input_;  // of the present feed()
    std::span<std::byte> room_;
    std::uint64_t left_in_chunk_ = 0;
    std::size_t extensions_ = 0;  // bytes
    unsigned hosts_ = 0;
    unsigned lengths_ = 0;
    int refused_ = 0;
    bool http11_ = false;
    bool expects_continue_ = false;
};

template <bool IsRequest>
void Machine<IsRequest>::on_request_impl(
    beast_http::verb, BeastView method, BeastView target, int version, BeastError& ec) {
    if constexpr (IsRequest) {
        if (!is_target(view(method), view(target))) return refuse(400, ec);
        message_.method.assign(method.data(), method.size());
        message_.target.assign(target.data(), target.size());
        http11_ = version == 11;
    }
}

template <bool IsRequest>
void Machine<IsRequest>::on_response_impl(int status, BeastView, int version, BeastError& ec) {
    if constexpr (!IsRequest) {
        if (status < 100) return refuse(400, ec);
        message_.status = status;
        http11_ = version == 11;
    }
}

template <bool IsRequest>
void Machine<IsRequest>::on_field_impl(beast_http::field field,
                                       BeastView name,
                                       BeastView value,
                                       BeastError& ec) {
    if (is_folded(view(name), view(value))) return refuse(400, ec);
    if (this->is_header_done()) return add_trailer(view(name), view(value), ec);
    if (message_.headers.size() >= max_fields_) return refuse(431, ec);
    check_framing_field(field, view(value), ec);
    if (!ec) HttpAccess::add(message_.headers, view(name), view(value));
}

/// Kept apart: it must not pass for a field of the head, which was acted on already.
template <bool IsRequest>
void Machine<IsRequest>::add_trailer(std::string_view name, std::string_view value, BeastError& ec) {
    if (message_.trailers.size() >= max_fields_) return refuse(431, ec);
    if (may_trail(name)) HttpAccess::add(message_.trailers, name, value);
}

template <bool IsRequest>
void Machine<IsRequest>::check_framing_field(beast_http::field field,
                                             std::string_view value,
                                             BeastError& ec) {
    switch (field) {
        case beast_http::field::host:
            if (IsRequest && (++hosts_ > 1 || !is_host(value))) refuse(400, ec);
            break;
        case beast_http::field::content_length:  // Beast takes "5, 5", and a second one if it is equal
            if (++lengths_ > 1 || !is_number(value)) refuse(400, ec);
            break;
        case beast_http::field::transfer_encoding:  // Beast takes any, and looks at the last
            if (!equal_without_case(value, "chunked")) refuse(501, ec);
            break;
        case beast_http::field::expect:
            expects_continue_ = equal_without_case(value, "100-continue");
            break;
        default:
            break;
    }
}

template <bool IsRequest>
void Machine<IsRequest>::on_header_impl(BeastError& ec) {
    if (this->chunked() && !http11_) return refuse(400, ec);
    if (IsRequest && http11_ && hosts_ == 0) refuse(400, ec);
}

/// Whether the value began on a line of its own, or was put together from several.
template <bool IsRequest>
bool Machine<IsRequest>::is_folded(std::string_view name, std::string_view value) const noexcept {
    const std::less<> before;
    const char* const name_end = name.data() + name.size();
    const char* const input_end = input_.data() + input_.size();
    if (before(value.data(), name_end) || before(input_end, value.data()))
        return true;  // in a buffer of Beast's
    return std::find(name_end, value.data(), '\n') != value.data();
}

template <bool IsRequest>
void Machine<IsRequest>::on_chunk_header_impl(std::uint64_t size, BeastView extensions, BeastError& ec) {
    extensions_ += extensions.size();
    if (extensions_ > max_extensions || has_control(view(extensions))) return refuse(400, ec);
    left_in_chunk_ = size;
}

template <bool IsRequest>
std::size_t Machine<IsRequest>::on_chunk_body_impl(std::uint64_t left, BeastView data, BeastError&) {
    const std::size_t n = std::min(data.size(), room_.size());
    std::memcpy(room_.data(), data.data(), n);
    room_ = room_.subspan(n);
    left_in_chunk_ = left - n;
    return n;
}

template <bool IsRequest>
HttpHead Machine<IsRequest>::head() const {
    HttpHead head;
    head.http11 = http11_;
    head.keep_alive = this->keep_alive();
    head.expects_continue = expects_continue_ && http11_;
    if (this->is_done()) return head;
    if (this->chunked()) {
        head.framing = HttpFraming::chunked;
    } else if (const auto length = this->content_length()) {
        head.framing = HttpFraming::length;
        head.length = *length;
    } else {
        head.framing = HttpFraming::until_close;
    }
    return head;
}

// --- one after the other --------------------------------------------------------------------------

/// Whether a request line's third word is like "HTTP/9.9": a version we do not speak, rather than garbage.
bool names_a_version(std::string_view bytes) noexcept {
    auto version = bytes.substr(0, bytes.find("\r\n"));
    for (int words = 0; words < 2; ++words)
        version.remove_prefix(std::min(version.find(' '), version.size() - 1) + 1);
    return version.size() == 8 && version.starts_with("HTTP/") && is_number(version.substr(5, 1)) &&
           version[6] == '.' && is_number(version.substr(7, 1));
}

/// Empty lines before a request, which some old clients send behind a body.
std::size_t count_line_breaks(std::string_view bytes) noexcept {
    std::size_t n = 0;
    while (bytes.substr(n).starts_with("\r\n")) n += 2;
    return n;
}

template <bool IsRequest, class Interface>
class BeastParser : public Interface {
public:
    using Step = HttpParser::Step;
    using Result = HttpParser::Result;
    using Message = typename Machine<IsRequest>::Message;

    BeastParser(std::size_t max_header_bytes, std::size_t max_fields)
        : max_header_bytes_{max_header_bytes}, max_fields_{max_fields} {}

    Result parse_head(std::string_view bytes) override;
    Result parse_chunks(std::string_view bytes, std::span<std::byte> into, std::size_t& produced) override;

protected:
    void restart(Message& into) {
        constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();
        into.headers.clear();
        this->head_ = {};
        this->fault_ = 0;
        head_bytes_ = 0;
        machine_.emplace(into, static_cast<std::uint32_t>(std::min(max_header_bytes_, most)), max_fields_);
    }

    std::optional<Machine<IsRequest>> machine_;

private:
    Result fail(int fault, std::size_t consumed) noexcept {
        this->fault_ = fault;
        return {Step::fault, consumed};
    }
    [[nodiscard]] int fault_of(BeastError ec, std::string_view bytes) const noexcept;

    std::size_t max_header_bytes_;
    std::size_t max_fields_;      // they cost more than the bytes they came in
    std::size_t head_bytes_ = 0;  // consumed so far: Beast's own limit is on what is not
};

template <bool IsRequest, class Interface>
HttpParser::Result BeastParser<IsRequest, Interface>::parse_head(std::string_view bytes) {
    std::size_t consumed = machine_->got_some() ? 0 : count_line_breaks(bytes);
    const auto rest = bytes.substr(consumed);
    BeastError ec = beast_http::error::need_more;
    if (machine_->got_some() || rest != "\r") consumed += machine_->feed(rest, ec);

    head_bytes_ += consumed;
    if (ec == beast_http::error::need_more) {
        if (head_bytes_ + (bytes.size() - consumed) >= max_header_bytes_) return fail(431, consumed);
        return {Step::need_more, consumed};
    }
    if (ec) return fail(fault_of(ec, rest), consumed);
    if (head_bytes_ > max_header_bytes_) return fail(431, consumed);
    this->head_ = machine_->head();
    return {Step::done, consumed};
}

template <bool IsRequest, class Interface>
HttpParser::Result BeastParser<IsRequest, Interface>::parse_chunks(std::string_view bytes,
                                                                   std::span<std::byte> into,
                                                                   std::size_t& produced) {
    machine_->set_room(into);
    std::size_t consumed = 0;
    for (;;) {
        const auto rest = bytes.substr(consumed);
        produced = into.size() - machine_->room().size();
        const bool in_data = machine_->left_in_chunk() > 0;
        if (in_data ? rest.empty() || produced == into.size() : rest.size() < shortest_end) {
            return {Step::need_more, consumed};
        }
        BeastError ec;
        consumed += machine_->feed(rest, ec);
        if (ec == beast_http::error::need_more) {
            if (rest.size() >= max_chunk_line) return fail(400, consumed);
            return {Step::need_more, consumed};
        }
        if (ec) return fail(fault_of(ec, {}), consumed);
        if (machine_->is_done()) return {Step::done, consumed};
    }
}

template <bool IsRequest, class Interface>
int BeastParser<IsRequest, Interface>::fault_of(BeastError ec, std::string_view bytes) const noexcept {
    if (machine_->refused() != 0) return machine_->refused();
    if (ec == beast_http::error::header_limit) return 431;
    if (ec == beast_http::error::bad_version && names_a_version(bytes)) return 505;
    return 400;
}

class RequestParser final : public BeastParser<true, HttpRequestParser> {
public:
    using BeastParser::BeastParser;
    void start(http::Request& into) override {
        into.method.clear();
        into.target.clear();
        into.trailers.clear();
        restart(into);
    }
};

class ResponseParser final : public BeastParser<false, HttpResponseParser> {
public:
    using BeastParser::BeastParser;
    void start(http::Response& into, bool to_head) override {
        into.trailers.clear();
        restart(into);
        machine_->skip(to_head);
    }
};

}  // namespace

std::unique_ptr<HttpRequestParser> make_request_parser(std::size_t max_header_bytes, std::size_t max_fields) {
    return std::make_unique<RequestParser>(max_header_bytes, max_fields);
}

std::unique_ptr<HttpResponseParser> make_response_parser(std::size_t max_header_bytes) {
    return std::make_unique<ResponseParser>(max_header_bytes, default_max_fields);
}

}  // namespace grove::detail
