#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/http/client.hpp>
#include <grove/http/server.hpp>
#include <grove/io/stream.hpp>

#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <system_error>
#include <zlib.h>

using namespace std::chrono_literals;
using grove::http::Client;
using grove::http::ClientErrc;
using grove::http::ClientRequest;
using grove::http::Headers;
using grove::http::Request;
using grove::http::ResponseWriter;
using grove::http::StreamedResponse;
using grove::testing::patience;
using grove::testing::ScriptedServer;
using grove::testing::TestServer;
using grove::testing::Wire;

namespace {

static_assert(grove::ReadStream<StreamedResponse>);

std::string read_rest(StreamedResponse& response) {
    std::string whole;
    std::array<std::byte, 1000> buffer;
    while (const std::size_t n = response.read_some(buffer, patience)) {
        whole.append(reinterpret_cast<const char*>(buffer.data()), n);
    }
    return whole;
}

/// Makes so many bytes, in pieces of any size.
auto many(std::size_t n) {
    return [n](std::span<std::byte> into) mutable {
        const std::size_t now = std::min(n, into.size());
        std::memset(into.data(), 'x', now);
        n -= now;
        return now;
    };
}

constexpr int gzip = 31;
constexpr int zlib = 15;
constexpr int bare = -15;

std::string compressed(const std::string& text, int format) {
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, format, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, text.size()), '\0');
    std::string in = text;
    stream.next_in = reinterpret_cast<unsigned char*>(in.data());
    stream.avail_in = static_cast<unsigned>(in.size());
    stream.next_out = reinterpret_cast<unsigned char*>(out.data());
    stream.avail_out = static_cast<unsigned>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

/// Sends the body that is set, under the coding its target names.
struct CodedServer {
    std::string body;
    TestServer server{[this](Request& request, ResponseWriter& response) {
        response.headers.set("Content-Encoding", request.target.substr(1));
        response.send(body);
    }};
};

}  // namespace

TEST_SUITE_BEGIN("http/client_stream");

GROVE_TEST_REAL("a body is read piece by piece, and its connection used again at its end") {
    ScriptedServer server{[](Wire& wire, int) {
        while (!wire.read_through("\r\n\r\n").empty()) {
            wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
            wire.send("2\r\nde\r\n0\r\nDigest: five\r\n\r\n");
        }
    }};
    Client client{{.max_body_bytes = 4}};
    for (int i = 0; i < 2; ++i) {
        auto response = client.open({.url = server.url("/")}, patience);
        CHECK(response.status() == 200);
        CHECK_FALSE(response.length());
        CHECK(read_rest(response) == "abcde");
        CHECK(response.trailers().get("digest") == "five");
        CHECK(response.url() == server.url("/"));
    }
    CHECK(server.connections == 1);
}

GROVE_TEST_REAL("a body that is dropped early closes its connection and frees its place") {
    TestServer server{[](Request&, ResponseWriter& response) {
        const std::string piece(1000, 'x');
        response.headers.set("Content-Length", "100000000");
        for (std::error_code ec; !ec;) response.write(piece, ec);
    }};
    Client client{{.connections_per_host = 1}};
    for (int i = 0; i < 3; ++i) {
        auto response = client.open({.url = server.url("/")}, patience);
        CHECK(response.length() == 100'000'000);
        std::array<std::byte, 10> some;
        CHECK(response.read_some(some, patience) > 0);
    }
}

GROVE_TEST_REAL("a request's body is produced while it is sent") {
    TestServer server{[](Request& request, ResponseWriter& response) {
        const bool chunked = request.headers.get("transfer-encoding").has_value();
        const std::string expected{request.headers.get("expect").value_or("")};
        response.send((chunked ? "chunked " : "length ") +
                      std::to_string(request.body.read_all(1 << 20).size()) + expected);
    }};
    Client client;
    const auto upload = [&] {
        return ClientRequest{.method = "POST", .url = server.url("/"), .produce = many(100'000)};
    };
    SUBCASE("in chunks") {
        auto response = client.open(upload(), patience);
        CHECK(read_rest(response) == "chunked 100000");
    }
    SUBCASE("of a length that is known") {
        auto request = upload();
        request.body_length = 100'000;
        auto response = client.open(std::move(request), patience);
        CHECK(read_rest(response) == "length 100000");
    }
    SUBCASE("of another length than was said") {
        auto request = upload();
        request.body_length = 99'999;
        std::error_code ec;
        (void)client.open(std::move(request), ec, patience);
        CHECK(ec == std::errc::invalid_argument);
    }
    SUBCASE("once the server wants it") {
        auto request = upload();
        request.expect_continue = true;
        auto response = client.open(std::move(request), patience);
        CHECK(read_rest(response) == "chunked 100000100-continue");
    }
    CHECK(client.get(server.url("/"), patience).body == "length 0");
}

GROVE_TEST("a body is not sent to a server that refuses it, and is to one that says nothing") {
    std::string got;
    ScriptedServer server{[&](Wire& wire, int n) {
        (void)wire.read_through("\r\n\r\n");
        if (n == 1) return wire.send("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
        got = wire.read_through("x");
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }};
    Client client;
    const auto put = [&] {
        return client.open({.method = "PUT", .url = server.url("/"), .body = "x", .expect_continue = true})
            .status();
    };
    CHECK(put() == 417);
    CHECK(got.empty());
    const auto start = grove::now();
    CHECK(put() == 200);
    CHECK(grove::now() - start == 1s);
    CHECK(got == "x");
}

GROVE_TEST_REAL("an answer in the middle of a long body ends the sending") {
    ScriptedServer server{[](Wire& wire, int) {
        (void)wire.read_through("\r\n\r\n");
        wire.send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
        (void)wire.read_to_end();
    }};
    Client client;
    std::size_t produced = 0;
    const auto endless = [&](std::span<std::byte> into) {
        grove::yield();
        produced += into.size();
        return into.size();
    };
    CHECK(client.open({.method = "POST", .url = server.url("/"), .produce = endless}, patience).status() ==
          413);
    CHECK(produced > 0);
}

// --- compression ----------------------------------------------------------------------------------

GROVE_TEST_REAL("a compressed body is decompressed, and its fields do not tell") {
    const std::string text(200'000, 'a');
    CodedServer coded;
    Client client;
    struct Case {
        std::string path;
        int format;
    };
    for (const Case& each :
         {Case{"/gzip", gzip}, Case{"/x-gzip", gzip}, Case{"/deflate", zlib}, Case{"/deflate", bare}}) {
        CAPTURE(each.path);
        CAPTURE(each.format);
        coded.body = compressed(text, each.format);
        const auto response = client.get(coded.server.url(each.path), patience);
        CHECK(response.body == text);
        CHECK_FALSE(response.headers.get("content-encoding"));
        CHECK_FALSE(response.headers.get("content-length"));
    }
    coded.body = compressed("one ", gzip) + compressed("two", gzip);
    CHECK(client.get(coded.server.url("/gzip"), patience).body == "one two");
    coded.body.clear();
    CHECK(client.get(coded.server.url("/gzip"), patience).body.empty());
    CHECK(coded.server.server.connections() == 1);
}

GROVE_TEST_REAL("a body stays as it is if its coding is unknown or nobody asked") {
    CodedServer coded;
    coded.body = compressed("text", gzip);
    CHECK(Client{}.get(coded.server.url("/br"), patience).body == coded.body);
    CHECK(Client{{.decompress = false}}.get(coded.server.url("/gzip"), patience).body == coded.body);
    Headers own;
    own.set("Accept-Encoding", "gzip");
    Client client;
    CHECK(client.request("GET", coded.server.url("/gzip"), own, {}, patience).body == coded.body);
}

GROVE_TEST_REAL("a body that is no such thing, is cut off or unfolds too far is an error") {
    CodedServer coded;
    Client client{{.max_body_bytes = 1'000'000}};
    std::error_code ec;
    coded.body = "plain";
    (void)client.get(coded.server.url("/gzip"), ec, patience);
    CHECK(ec == ClientErrc::bad_encoding);
    coded.body = compressed(std::string(1000, 'a'), gzip);
    coded.body.pop_back();
    (void)client.get(coded.server.url("/gzip"), ec, patience);
    CHECK(ec == grove::Errc::eof);
    coded.body = compressed(std::string(1'000'001, 'a'), gzip);
    (void)client.get(coded.server.url("/gzip"), ec, patience);
    CHECK(ec == std::errc::message_size);
}

// --- time, and the client's end --------------------------------------------------------------------

GROVE_TEST("each time limit has an error of its own") {
    ScriptedServer server{[](Wire& wire, int) {
        const bool to_silence = wire.read_through("\r\n\r\n").starts_with("GET /silent");
        if (!to_silence) wire.send("HTTP/1.1 200 OK\r\n\r\n");
        (void)wire.read_to_end();
    }};
    Client client{{.header_timeout = 2s, .request_timeout = 5s}};
    const auto failure = [&](std::string_view path, grove::Deadline by = {}) {
        std::error_code ec;
        (void)client.get(server.url(path), ec, by);
        CHECK(ec == std::errc::timed_out);
        return ec;
    };
    CHECK(failure("/silent") == ClientErrc::header_timed_out);
    CHECK(failure("/endless") == ClientErrc::request_timed_out);
    CHECK(failure("/endless", 1s) == std::make_error_code(std::errc::timed_out));
}

GROVE_TEST_REAL("a server that says without end that it is at it is not waited for without end") {
    ScriptedServer server{[](Wire& wire, int) {
        (void)wire.read_through("\r\n\r\n");
        std::string many;
        for (int i = 0; i < 100; ++i) many += "HTTP/1.1 102 Processing\r\n\r\n";
        try {
            for (;;) wire.send(many);
        } catch (const std::system_error&) {
            // The client has gone.
        }
    }};
    Client client{{.header_timeout = 50ms}};
    std::error_code ec;
    (void)client.get(server.url("/"), ec, patience);
    CHECK(ec == ClientErrc::header_timed_out);
}

GROVE_TEST_REAL("a client that ends takes along what runs and what waits") {
    ScriptedServer server{[](Wire& wire, int) { (void)wire.read_to_end(); }};
    auto client = std::make_unique<Client>(grove::http::ClientOptions{.connections_per_host = 1});
    int begun = 0;
    int closed = 0;
    std::vector<grove::Greenlet<void>> all;
    for (int i = 0; i < 3; ++i) {
        all.push_back(grove::spawn([&, url = server.url("/")] {
            std::error_code ec;
            ++begun;
            (void)client->get(url, ec, patience);
            closed += ec == grove::Errc::closed;
        }));
    }
    while (server.connections == 0 || begun < 3) grove::sleep(1ms);
    client.reset();
    grove::join_all(all);
    CHECK(closed == 3);
}

GROVE_TEST_REAL("idle connections make room under the limit on all") {
    const auto answer = [](Request&, ResponseWriter& response) { response.send(""); };
    TestServer one{answer};
    TestServer two{answer};
    Client client{{.max_connections = 1}};
    for (int i = 0; i < 2; ++i) {
        client.get(one.url("/"), patience);
        client.get(two.url("/"), patience);
    }
    while (one.server.connections() + two.server.connections() > 1) grove::sleep(1ms);
}

TEST_SUITE_END();
