#include <grove/http/server.hpp>

#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <string>
#include <string_view>
#include <vector>

// Each text carries a second request that only a reader with other rules than ours would see. A server may
// refuse the first, or answer it and close, or take it all for one; it must never answer /smuggled.

using namespace std::string_literals;
using grove::http::Request;
using grove::http::ResponseWriter;
using grove::testing::TestServer;

namespace {

const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

struct Trick {
    std::string name;
    std::string text;
};

std::string post(std::string_view fields, std::string_view body) {
    return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string{fields} + "\r\n" + std::string{body};
}

const std::string cl = "Content-Length: ";
const std::string te = "Transfer-Encoding: chunked\r\n";
const std::string end_of_chunks = "0\r\n\r\n";

std::vector<Trick> refused() {
    return {
        {"CL.TE", post(cl + "5\r\n" + te, end_of_chunks + smuggled)},
        {"TE.CL", post(te + cl + "5\r\n", end_of_chunks + smuggled)},
        {"CL.CL", post(cl + "0\r\n" + cl + std::to_string(smuggled.size()) + "\r\n", smuggled)},
        {"CL.CL equal", post(cl + "0\r\n" + cl + "0\r\n", smuggled)},
        {"CL list", post(cl + "0, 0\r\n", smuggled)},
        {"CL plus", post(cl + "+0\r\n", smuggled)},
        {"CL minus", post(cl + "-0\r\n", smuggled)},
        {"CL hex", post(cl + "0x0\r\n", smuggled)},
        {"CL octal dot", post(cl + "0.0\r\n", smuggled)},
        {"CL empty", post("Content-Length:\r\n", smuggled)},
        {"CL too large for 64 bits", post(cl + "18446744073709551616\r\n", smuggled)},
        {"CL folded", post("Content-Length:\r\n 0\r\n", smuggled)},
        {"space before the colon", post("Content-Length : 0\r\n", smuggled)},
        {"space before a name", post(" Content-Length: 0\r\n", smuggled)},
        {"TE space before the colon", post("Transfer-Encoding : chunked\r\n", end_of_chunks + smuggled)},
        {"TE folded", post("Transfer-Encoding:\r\n chunked\r\n", end_of_chunks + smuggled)},
        {"TE obs-fold", post("A: b\r\n " + te, end_of_chunks + smuggled)},
        {"TE with tab",
         post("Transfer-Encoding:\x0b"
              "chunked\r\n",
              end_of_chunks + smuggled)},
        {"TE identity", post("Transfer-Encoding: identity\r\n" + cl + "0\r\n", smuggled)},
        {"TE unknown", post("Transfer-Encoding: xchunked\r\n", end_of_chunks + smuggled)},
        {"TE twice", post(te + "Transfer-Encoding: identity\r\n", end_of_chunks + smuggled)},
        {"TE list", post("Transfer-Encoding: chunked, identity\r\n", end_of_chunks + smuggled)},
        {"TE quoted", post("Transfer-Encoding: \"chunked\"\r\n", end_of_chunks + smuggled)},
        {"TE in 1.0", "POST / HTTP/1.0\r\n" + te + "\r\n" + end_of_chunks + smuggled},
        {"NUL in a value", post("A: b\0c\r\n"s, smuggled)},
        {"NUL in a name", post("A\0: b\r\n"s, smuggled)},
        {"CR in a value", post("A: b\rContent-Length: 0\r\n", smuggled)},
        {"bare LF", "POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n" + smuggled},
        {"bare LF between fields", post("A: b\nContent-Length: 0\r\n", smuggled)},
        {"no name", post(": b\r\n", smuggled)},
        {"no colon", post("Content-Length 0\r\n", smuggled)},
        {"two hosts", post("Host: b\r\n", smuggled)},
        {"no host", "GET / HTTP/1.1\r\n\r\n" + smuggled},
        {"target with a space", "GET / / HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled},
        {"target with NUL", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s + smuggled},
        {"target with a tab", "GET /\t HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled},
        {"target that is no path", "GET index.html HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled},
        {"target * for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled},
        {"no target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled},
        {"method with a colon", "G:ET / HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled},
        {"HTTP/0.9", "GET /\r\n\r\n" + smuggled},
        {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n" + smuggled},
        {"http/1.1", "GET / http/1.1\r\nHost: a\r\n\r\n" + smuggled},
        {"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + smuggled},
        {"chunk size negative", post(te, "-1\r\n\r\n" + smuggled)},
        {"chunk size hex prefix", post(te, "0x0\r\n\r\n" + smuggled)},
        {"chunk size too large", post(te, "FFFFFFFFFFFFFFFFF\r\n" + smuggled)},
        {"chunk size wraps", post(te, "10000000000000000\r\n\r\n" + smuggled)},
        {"chunk size with a space before", post(te, " 0\r\n\r\n" + smuggled)},
        {"chunk size with bare LF", post(te, "0\n\n" + smuggled)},
        {"chunk longer than its size", post(te, "3\r\nabcd\r\n0\r\n\r\n" + smuggled)},
        {"chunk end without CR", post(te, "3\r\nabc\n0\r\n\r\n" + smuggled)},
        {"chunk extension with LF", post(te, "3;a\nb\r\nabc\r\n0\r\n\r\n" + smuggled)},
        {"chunk extension flood",
         post(te, "3;" + std::string(20'000, 'x') + "\r\nabc\r\n0\r\n\r\n" + smuggled)},
        {"trailer with an obs-fold", post(te, "0\r\nA: b\r\n c\r\n\r\n" + smuggled)},
        {"trailer without a colon", post(te, "0\r\nGET /smuggled HTTP/1.1\r\n\r\n" + smuggled)},
    };
}

}  // namespace

TEST_SUITE_BEGIN("http/smuggling");

GROVE_TEST_REAL("what could be read in two ways is refused, and ends the connection") {
    std::vector<std::string> served;
    TestServer server{[&](Request& request, ResponseWriter& response) {
        served.push_back(request.target);
        (void)request.body.read_all();
        response.send("ok");
    }};
    for (const Trick& trick : refused()) {
        CAPTURE(trick.name);
        served.clear();
        const std::string response = server.ask(trick.text);
        const auto status = response.substr(0, std::size("HTTP/1.1 400") - 1);
        CHECK((status == "HTTP/1.1 400" || status == "HTTP/1.1 501" || status == "HTTP/1.1 505"));
        CHECK(response.find("\r\nConnection: close\r\n") != std::string::npos);
        CHECK(response.find("HTTP/1.1 ", 1) == std::string::npos);  // that was all
        CHECK(std::ranges::count(served, "/smuggled") == 0);
    }
}

GROVE_TEST_REAL("what looks odd and can be read in one way only is served, and so is what follows it") {
    TestServer server{[](Request& request, ResponseWriter& response) {
        response.send("<" + request.target + " " + request.body.read_all() + ">");
    }};
    const auto next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    for (const auto& [text, answer] :
         {std::pair{post(cl + "0005\r\n", "hello"), "</ hello>"},
          {post("content-LENGTH:5\r\n", "hello"), "</ hello>"},
          {post("Transfer-Encoding:\tChunked \r\n", "5;a=\"b;c\"\r\nhello\r\n00\r\n\r\n"), "</ hello>"},
          {post(te, "A\r\n0123456789\r\n0\r\nA: b\r\n\r\n"), "</ 0123456789>"},
          {"GET http://a/x?y HTTP/1.1\r\nHost: b\r\n\r\n"s, "<http://a/x?y >"},
          {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"s, "<* >"},
          {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"s, "</ >"},
          {"GET /a|b{}\"<> HTTP/1.1\r\nHost: a\r\n\r\n"s, "</a|b{}\"<> >"}}) {
        const std::string shown{text};  // a lambda cannot take the binding itself
        const auto response = server.ask(text + next);
        CHECK_MESSAGE(response.find("\r\n\r\n"s + answer) != std::string::npos, shown);
        CHECK_MESSAGE(response.ends_with("\r\n\r\n</next >"), shown);
    }
}

GROVE_TEST_REAL("extensions of chunks are counted over the whole body") {
    TestServer server{
        [](Request& request, ResponseWriter& response) { response.send(request.body.read_all()); }};
    std::string flood;
    for (int i = 0; i < 100; ++i) flood += "1;" + std::string(1000, 'x') + "\r\na\r\n";
    CHECK(server.ask(post(te, flood + end_of_chunks)).starts_with("HTTP/1.1 400 "));
}

TEST_SUITE_END();
