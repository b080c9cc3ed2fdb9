#include "http/parser.hpp"

#include "http/parsing.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace std::string_literals;
using grove::detail::HttpFraming;
using grove::detail::HttpParser;
using grove::testing::in_bytes;
using grove::testing::parse;
using grove::testing::Parsed;
using Step = HttpParser::Step;

namespace {

constexpr std::size_t header_limit = 1024;

Parsed parse_request(std::string_view text, grove::http::Request& request) {
    const auto parser = grove::detail::make_request_parser(header_limit);
    parser->start(request);
    return parse(*parser, {text});
}

Parsed parse_request(std::string_view text) {
    grove::http::Request request;
    return parse_request(text, request);
}

Parsed parse_response(std::string_view text, bool to_head = false) {
    grove::http::Response response;
    const auto parser = grove::detail::make_response_parser(header_limit);
    parser->start(response, to_head);
    return parse(*parser, {text});
}

/// The status a request with these fields is refused with; 0: it is not, -1: it does not end.
int refusal(std::string_view fields) {
    const Parsed parsed = parse_request("POST / HTTP/1.1\r\nHost: a\r\n" + std::string{fields} + "\r\n");
    return parsed.step == Step::need_more ? -1 : parsed.fault;
}

std::string chunked(std::string_view body) {
    return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string{body};
}

}  // namespace

TEST_SUITE_BEGIN("http/parser");

TEST_CASE("a request's line and fields are taken as they are") {
    grove::http::Request request;
    const auto parsed = parse_request(
        "PATCH /a%20b?c=d HTTP/1.1\r\nHost: example.org\r\nX-Empty:\r\nx-twice: 1\r\nX-Twice: \t two words "
        "\t\r\n\r\nrest",
        request);

    CHECK(parsed.step == Step::done);
    CHECK(parsed.rest == "rest");
    CHECK(parsed.head.framing == HttpFraming::none);
    CHECK(parsed.head.keep_alive);
    CHECK(request.method == "PATCH");
    CHECK(request.target == "/a%20b?c=d");
    REQUIRE(request.headers.size() == 4);
    CHECK(request.headers.get("HOST") == "example.org");
    CHECK(request.headers.get("x-empty") == "");
    CHECK(request.headers.begin()[3].second == "two words");
}

TEST_CASE("one parser reads one request after the other") {
    const auto parser = grove::detail::make_request_parser(header_limit);
    grove::http::Request request;
    parser->start(request);
    const auto first =
        parse(*parser, {"GET /1 HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n"});
    REQUIRE(first.step == Step::done);

    parser->start(request);
    const auto second = parse(*parser, {first.rest});

    CHECK(second.step == Step::done);
    CHECK(request.target == "/2");
    CHECK(request.headers.size() == 1);
}

TEST_CASE("keep-alive follows the version and the Connection field") {
    CHECK(parse_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n").head.keep_alive);
    CHECK_FALSE(parse_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n").head.keep_alive);
    CHECK_FALSE(parse_request("GET / HTTP/1.0\r\n\r\n").head.keep_alive);
    CHECK(parse_request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").head.keep_alive);
}

TEST_CASE("only HTTP/1.1 clients may wait for 100 Continue") {
    CHECK(parse_request("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n").head.expects_continue);
    CHECK_FALSE(parse_request("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").head.expects_continue);
}

TEST_CASE("empty lines before a request are passed over") {
    CHECK(parse_request("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").step == Step::done);
    CHECK(parse_request("\r").step == Step::need_more);
    CHECK(parse_request("\r\n").step == Step::need_more);
    CHECK(parse_request("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n").fault == 400);
}

TEST_CASE("what is not a request is refused at once") {
    CHECK(parse_request("\x16\x03\x01\x02").fault == 400);  // TLS
    CHECK(parse_request("what is this then?\r\n").fault == 400);
    CHECK(parse_request("GET /\r\n").fault == 400);  // HTTP/0.9
    CHECK(parse_request(" GET / HTTP/1.1\r\n").fault == 400);
    CHECK(parse_request("GET  / HTTP/1.1\r\n").fault == 400);
    CHECK(parse_request("GET /a b HTTP/1.1\r\n").fault == 400);
    CHECK(parse_request("GET / HTTP/1.1 \r\n").fault == 400);
    CHECK(parse_request("GET / HTTX/1.1\r\n").fault == 400);
    CHECK(parse_request("GET / HTTP/1.1\nHost: a\n\n").fault == 400);
    CHECK(parse_request("G\0T / HTTP/1.1\r\n"s).fault == 400);
}

TEST_CASE("a version that is neither 1.0 nor 1.1 is 505") {
    CHECK(parse_request("GET / HTTP/2.0\r\nHost: a\r\n\r\n").fault == 505);
    CHECK(parse_request("GET / HTTP/1.2\r\nHost: a\r\n\r\n").fault == 505);
    CHECK(parse_request("GET / HTTP/0.9\r\n\r\n").fault == 505);
    CHECK(parse_request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").fault == 505);
}

TEST_CASE("a request for 1.1 names one host") {
    CHECK(parse_request("GET / HTTP/1.1\r\n\r\n").fault == 400);
    CHECK(parse_request("GET / HTTP/1.0\r\n\r\n").step == Step::done);
    CHECK(refusal("Host: a\r\n") == 400);
}

TEST_CASE("a host is a name or an address, with a port or without") {
    const auto fault = [](std::string_view host) {
        return parse_request("GET / HTTP/1.1\r\nHost: " + std::string{host} + "\r\n\r\n").fault;
    };
    for (const auto host :
         {"", "a", "A_b-c.example.:8080", "a:", "1.2.3.4:80", "[::1]", "[1:2::3.4.5.6]:443", "%61"}) {
        CHECK_MESSAGE(fault(host) == 0, host);
    }
    for (const auto host : {"a b",
                            "a/b",
                            "a\\b",
                            "user@a",
                            "a?b",
                            "a#b",
                            "a:b",
                            "a:80:80",
                            "a:80/",
                            "<a>",
                            "[::1",
                            "[]",
                            "[a]b",
                            "::1",
                            "a\xc3\xa9"}) {
        CHECK_MESSAGE(fault(host) == 400, host);
    }
}

TEST_CASE("two ways to read the framing are one too many") {
    CHECK(refusal("Content-Length: 5\r\n") == 0);
    CHECK(refusal("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") == 400);
    CHECK(refusal("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") == 400);
    CHECK(refusal("Content-Length: 5\r\nContent-Length: 6\r\n") == 400);
    CHECK(refusal("Content-Length: 5\r\nContent-Length: 5\r\n") == 400);
    CHECK(refusal("Content-Length: 5, 5\r\n") == 400);
    CHECK(refusal("Content-Length: +5\r\n") == 400);
    CHECK(refusal("Content-Length: -5\r\n") == 400);
    CHECK(refusal("Content-Length: 0x5\r\n") == 400);
    CHECK(refusal("Content-Length: 5 5\r\n") == 400);
    CHECK(refusal("Content-Length:\r\n") == 400);
    CHECK(refusal("Content-Length: 18446744073709551616\r\n") == 400);
    CHECK(refusal("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") == 400);
    CHECK(refusal("Transfer-Encoding: identity\r\n") == 501);
    CHECK(refusal("Transfer-Encoding: gzip, chunked\r\n") == 501);
    CHECK(refusal("Transfer-Encoding: chunked, identity\r\n") == 501);
    CHECK(refusal("Transfer-Encoding: xchunked\r\n") == 501);
    CHECK(parse_request("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").fault == 400);
}

TEST_CASE("fields that others may read differently are refused") {
    CHECK(refusal("A: b\r\n c\r\n") == 400);  // folded
    CHECK(refusal("A:\r\n c\r\n") == 400);
    CHECK(refusal("A: b\r\n \r\n") == 400);
    CHECK(refusal(" A: b\r\n") == 400);
    CHECK(refusal("A : b\r\n") == 400);
    CHECK(refusal("A\r\n") == 400);
    CHECK(refusal(": b\r\n") == 400);
    CHECK(refusal("A: b\nc: d\r\n") == 400);
    CHECK(refusal("A: b\rc: d\r\n") == 400);
    CHECK(refusal("A: b\0c\r\n"s) == 400);
    CHECK(refusal("A: b\x7f\r\n") == 400);
    CHECK(refusal("A\xc3: b\r\n") == 400);
    CHECK(refusal("A: \xc3\xa4\tb\r\n") == 0);
}

TEST_CASE("a head of up to the limit passes, a longer one is 431") {
    const std::string start = "GET / HTTP/1.1\r\nHost: a\r\nA: ";
    const std::string longest = start + std::string(header_limit - start.size() - 4, 'x') + "\r\n\r\n";
    REQUIRE(longest.size() == header_limit);
    CHECK(parse_request(longest).step == Step::done);
    CHECK(parse_request(longest.substr(0, header_limit - 1)).step == Step::need_more);

    const std::string longer = start + std::string(header_limit - start.size() - 3, 'x') + "\r\n\r\n";
    CHECK(parse_request(longer).fault == 431);
    CHECK(parse_request("GET /" + std::string(header_limit, 'x')).fault == 431);
    CHECK(parse_request(std::string(header_limit, 'x')).fault == 431);
}

TEST_CASE("the limit holds for heads that come line by line") {
    grove::http::Request request;
    const auto parser = grove::detail::make_request_parser(header_limit);
    parser->start(request);
    std::vector<std::string_view> lines{"GET / HTTP/1.1\r\n", "Host: a\r\n"};
    lines.resize(200, "A: bcdefgh\r\n");

    CHECK(parse(*parser, lines).fault == 431);
}

TEST_CASE("more fields than anyone needs are 431, however short") {
    grove::http::Request request;
    const auto parser = grove::detail::make_request_parser(64 * 1024);
    std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < 999; ++i) text += "a:\r\n";
    parser->start(request);
    CHECK(parse(*parser, {text + "\r\n"}).step == Step::done);
    parser->start(request);
    CHECK(parse(*parser, {text + "a:\r\n\r\n"}).fault == 431);
}

TEST_CASE("chunks are taken out of their frames") {
    const auto parsed = parse_request(chunked(
        "5\r\nhello\r\n1;name=value\r\n,\r\n00A;a;b=\"c d\"\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nrest"));

    CHECK(parsed.step == Step::done);
    CHECK(parsed.head.framing == HttpFraming::chunked);
    CHECK(parsed.body == "hello,0123456789");
    CHECK(parsed.rest == "rest");
}

TEST_CASE("trailers are not fields") {
    grove::http::Request request;
    CHECK(parse_request(chunked("0\r\nX-Admin: yes\r\n\r\n"), request).step == Step::done);
    CHECK_FALSE(request.headers.get("X-Admin"));
}

TEST_CASE("a chunked body reads the same wherever it is split") {
    const std::string text =
        chunked("5\r\nhello\r\n2\r\n, \r\nb\r\nhow are you\r\n0\r\nA: b\r\n\r\n") + "GET";
    const Parsed whole = parse_request(text);
    REQUIRE(whole.step == Step::done);
    REQUIRE(whole.body == "hello, how are you");

    const auto parser = grove::detail::make_request_parser(header_limit);
    grove::http::Request request;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        for (const std::size_t portion : {1U, 3U, 4096U}) {
            CAPTURE(i);
            parser->start(request);
            CHECK(parse(*parser, {text.substr(0, i), std::string_view{text}.substr(i)}, portion) == whole);
        }
    }
    parser->start(request);
    CHECK(parse(*parser, in_bytes(text), 1) == whole);
    parser->start(request);
    CHECK(parse(*parser, in_bytes(chunked("0\r\n\r\n"))).step == Step::done);
}

TEST_CASE("chunks that others may read differently are refused") {
    for (const auto body : {"5hello\r\n0\r\n\r\n",
                            "5 \r\nhello\r\n0\r\n\r\n",
                            " 5\r\nhello\r\n0\r\n\r\n",
                            "-5\r\nhello\r\n0\r\n\r\n",
                            "0x5\r\nhello\r\n0\r\n\r\n",
                            "\r\nhello\r\n0\r\n\r\n",
                            "g\r\nhello\r\n0\r\n\r\n",
                            "5\nhello\r\n0\r\n\r\n",
                            "5\r\nhello!\r\n0\r\n\r\n",
                            "6\r\nhello\r\n0\r\n\r\n",
                            "5\r\nhello0\r\n\r\n",
                            "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n",
                            "5;\r\nhello\r\n0\r\n\r\n",
                            "10000000000000000\r\nhello\r\n0\r\n\r\n",
                            "0\r\nContent-Length: 5\r\n\r\n",
                            "0\r\nA: b\r\n c\r\n\r\n",
                            "0\r\nA b\r\n\r\n"}) {
        CAPTURE(body);
        CHECK(parse_request(chunked(body)).fault == 400);
    }
}

TEST_CASE("a chunk's line has an end somewhere") {
    CHECK(parse_request(chunked("5;" + std::string(20'000, 'a'))).fault == 400);
    CHECK(parse_request(chunked("0\r\nA: " + std::string(20'000, 'a'))).fault == 400);
}

TEST_CASE("a response's framing follows from its status, its fields and the request") {
    const std::string fields = "Content-Length: 5\r\n\r\n";
    const auto with_length = parse_response("HTTP/1.1 200 OK\r\n" + fields);
    CHECK(with_length.head.framing == HttpFraming::length);
    CHECK(with_length.head.length == 5);
    CHECK(with_length.head.keep_alive);

    CHECK(parse_response("HTTP/1.1 200 OK\r\n" + fields, true).head.framing == HttpFraming::none);
    CHECK(parse_response("HTTP/1.1 204 No Content\r\n" + fields).head.framing == HttpFraming::none);
    CHECK(parse_response("HTTP/1.1 304 Not Modified\r\n" + fields).head.framing == HttpFraming::none);
    CHECK(parse_response("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n").head.framing == HttpFraming::none);

    const auto until_close = parse_response("HTTP/1.1 200 OK\r\n\r\n");
    CHECK(until_close.head.framing == HttpFraming::until_close);
    CHECK_FALSE(until_close.head.keep_alive);
    const auto chunks =
        parse_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    CHECK(chunks.body == "x");
}

TEST_CASE("what is not a response is refused") {
    CHECK(parse_response("SSH-2.0-OpenSSH_9.2\r\n").fault != 0);
    CHECK(parse_response("HTTP/1.1 2000 OK\r\n\r\n").fault != 0);
    CHECK(parse_response("HTTP/1.1 099 Low\r\n\r\n").fault != 0);
    CHECK(parse_response("HTTP/2.0 200 OK\r\n\r\n").fault != 0);
    CHECK(parse_response("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n").fault != 0);
    CHECK(
        parse_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n").fault !=
        0);
}

TEST_SUITE_END();
