#pragma once

#include <grove/http/message.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace grove::detail {

/// How a message says where its body ends.
enum class HttpFraming : std::uint8_t { none, length, chunked, until_close };

/// What a connection must know of a message; the rest is in the Request or Response.
struct HttpHead {
    HttpFraming framing = HttpFraming::none;
    std::uint64_t length = 0;       ///< of the body, if the framing is length
    bool http11 = false;            ///< not 1.0
    bool keep_alive = false;        ///< as far as this side goes
    bool expects_continue = false;  ///< "Expect: 100-continue"
};

/// One HTTP/1 message after the other, out of bytes as they arrive. Two readers of the same bytes that see
/// different messages in them are how requests are smuggled, so it takes nothing that could be read in two
/// ways: see faults in parser.cpp, and tests/http/parser_test.cpp.
///
/// Per message: start() · parse_head() until done · if chunked, parse_chunks() until done. Both take the
/// bytes that were not consumed yet, with those that came since behind them, and are never called after done
/// or fault.
class HttpParser {
public:
    enum class Step : std::uint8_t { done, need_more, fault };
    struct Result {
        Step step;
        std::size_t consumed;
    };

    virtual ~HttpParser() = default;

    [[nodiscard]] virtual Result parse_head(std::string_view bytes) = 0;
    /// Takes the chunks' data out of their frames. need_more: of bytes, or of room. Data that came together
    /// with a fault does not count.
    [[nodiscard]] virtual Result parse_chunks(std::string_view bytes,
                                              std::span<std::byte> into,
                                              std::size_t& produced) = 0;

    /// Valid after parse_head() was done.
    [[nodiscard]] const HttpHead& head() const noexcept { return head_; }
    /// Valid after a fault: what to answer a request. 400, 431, 501 or 505.
    [[nodiscard]] int fault() const noexcept { return fault_; }

protected:
    HttpHead head_;
    int fault_ = 0;
};

class HttpRequestParser : public HttpParser {
public:
    virtual void start(http::Request& into) = 0;
};

class HttpResponseParser : public HttpParser {
public:
    /// to_head: it answers a HEAD request, so no body follows, whatever its fields say.
    virtual void start(http::Response& into, bool to_head) = 0;
};

constexpr std::size_t default_max_fields = 1000;

[[nodiscard]] std::unique_ptr<HttpRequestParser> make_request_parser(
    std::size_t max_header_bytes, std::size_t max_fields = default_max_fields);
[[nodiscard]] std::unique_ptr<HttpResponseParser> make_response_parser(std::size_t max_header_bytes);

}  // namespace grove::detail
