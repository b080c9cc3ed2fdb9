#include <grove/http/server.hpp>

#include "http/deflate.hpp"
#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <tuple>
#include <zlib.h>

using grove::detail::Coding;
using grove::http::Request;
using grove::http::ResponseWriter;
using grove::testing::TestServer;
using grove::testing::undated;

namespace {

std::string inflated(std::string_view bytes) {
    z_stream z{};
    REQUIRE(inflateInit2(&z, 15 + 32) == Z_OK);  // gzip or zlib, as it comes
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    z.avail_in = static_cast<uInt>(bytes.size());
    std::string out;
    int result = Z_OK;
    while (result == Z_OK) {
        char piece[4096];
        z.next_out = reinterpret_cast<Bytef*>(piece);
        z.avail_out = sizeof piece;
        result = inflate(&z, Z_SYNC_FLUSH);
        out.append(piece, sizeof piece - z.avail_out);
    }
    CHECK(result == Z_STREAM_END);
    inflateEnd(&z);
    return out;
}

std::string unchunked(std::string_view body) {
    std::string out;
    while (!body.empty()) {
        const auto size = std::stoul(std::string{body.substr(0, body.find("\r\n"))}, nullptr, 16);
        body.remove_prefix(body.find("\r\n") + 2);
        if (size == 0) break;
        out += body.substr(0, size);
        body.remove_prefix(size + 2);
    }
    return out;
}

struct Answer {
    explicit Answer(const std::string& response)
        : head{undated(response.substr(0, response.find("\r\n\r\n") + 2))},
          body{response.substr(response.find("\r\n\r\n") + 4)} {
        if (has("Transfer-Encoding: chunked")) body = unchunked(body);
    }
    bool has(std::string_view line) const {
        return head.find("\r\n" + std::string{line} + "\r\n") != std::string::npos;
    }
    std::string head;
    std::string body;
};

Answer ask(TestServer& server,
           std::string_view target,
           std::string_view accepted,
           std::string_view method = "GET") {
    std::string request = std::string{method} + " " + std::string{target} + " HTTP/1.1\r\nHost: a\r\n";
    if (accepted != "-") request.append("Accept-Encoding: ").append(accepted).append("\r\n");
    return Answer{server.ask(request + "\r\n")};
}

grove::detail::AcceptedCodings accepted_by(std::initializer_list<std::string_view> fields) {
    grove::http::Headers headers;
    for (const auto each : fields) headers.add("Accept-Encoding", each);
    return grove::detail::accepted_codings(headers).value();
}

const std::string text(5'000, 'x');

void answer(Request& request, ResponseWriter& response) {
    response.headers.set("Content-Type", request.target == "/image" ? "image/png" : "text/plain");
    if (request.target == "/etag") response.headers.set("ETag", "\"a\"");
    if (request.target == "/coded") response.headers.set("Content-Encoding", "br");
    if (request.target == "/never") response.headers.set("Cache-Control", "public, no-transform");
    if (request.target.starts_with("/part")) response.status = 206;
    if (request.target == "/parts") response.headers.set("Content-Type", "multipart/byteranges; boundary=x");
    if (request.target == "/same") response.status = 304;
    if (request.target == "/same" || request.target == "/empty") return;
    if (request.target == "/small") return response.send("small");
    if (request.target == "/large") return response.send(std::string(2'000'000, 'y'));
    if (request.target != "/pieces") return response.send(text);
    response.headers.set("Content-Length", "5000");  // of what is not sent as it is
    for (int i = 0; i < 5; ++i) response.write(std::string_view{text}.substr(0, 1000));
}

}  // namespace

TEST_SUITE_BEGIN("http/coding");

TEST_CASE("Accept-Encoding: the best of what we have, identity unless it is refused") {
    for (const auto& [field, best, identity] : {std::tuple{"gzip", Coding::gzip, true},
                                                {"deflate", Coding::deflate, true},
                                                {"deflate, gzip", Coding::gzip, true},
                                                {"gzip;q=0.5, deflate;q=0.8", Coding::deflate, true},
                                                {"gzip;q=0", Coding::identity, true},
                                                {"gzip;q=0.000", Coding::identity, true},
                                                {"gzip; Q=0.001", Coding::gzip, true},
                                                {"x-gzip", Coding::gzip, true},
                                                {"GZIP", Coding::gzip, true},
                                                {"*", Coding::gzip, true},
                                                {"gzip;q=0, *", Coding::deflate, true},
                                                {"identity, gzip;q=0.5", Coding::identity, true},
                                                {"identity;q=0.5, gzip;q=1", Coding::gzip, true},
                                                {"br, zstd", Coding::identity, true},
                                                {"", Coding::identity, true},
                                                {"identity;q=0", Coding::identity, false},
                                                {"*;q=0", Coding::identity, false},
                                                {"*;q=0, gzip", Coding::gzip, false},
                                                {"br, *;q=0, identity;q=0.1", Coding::identity, true},
                                                {";;,,q=,gzip;q", Coding::gzip, true}}) {
        const std::string shown{field};  // a lambda cannot take the binding itself
        const auto accepted = accepted_by({field});
        CHECK_MESSAGE(accepted.best == best, shown);
        CHECK_MESSAGE(accepted.identity == identity, shown);
    }
    CHECK_FALSE(grove::detail::accepted_codings({}));
}

TEST_CASE("Accept-Encoding: several fields are one list") {
    CHECK(accepted_by({"br", "gzip"}).best == Coding::gzip);
    CHECK_FALSE(accepted_by({"br", "identity;q=0"}).identity);
}

GROVE_TEST_REAL("a text is compressed for who wants it, and says that it varies to all") {
    TestServer server{&answer, {.compression = grove::http::Compression{}}};
    for (const auto coding : {"gzip", "deflate"}) {
        for (const auto target : {"/", "/pieces", "/etag"}) {
            CAPTURE(target);
            const auto got = ask(server, target, coding);
            CHECK(got.has("Content-Encoding: " + std::string{coding}));
            CHECK(got.has("Vary: Accept-Encoding"));
            CHECK_FALSE(got.has("Content-Length: 5000"));
            CHECK(inflated(got.body) == text);
        }
    }
    CHECK(ask(server, "/etag", "gzip").has("ETag: W/\"a\""));
    CHECK(inflated(ask(server, "/large", "gzip").body) == std::string(2'000'000, 'y'));
    for (const auto accepted : {"-", "", "br", "gzip;q=0"}) {
        const auto got = ask(server, "/", accepted);
        CHECK(got.has("Vary: Accept-Encoding"));
        CHECK_FALSE(got.has("Content-Encoding: gzip"));
        CHECK(got.body == text);
    }
}

GROVE_TEST_REAL("what is small, compressed, a part, or not to be touched stays as it is") {
    TestServer server{&answer, {.compression = grove::http::Compression{}}};
    for (const auto target : {"/image", "/coded", "/never", "/part"}) {
        CAPTURE(target);
        const auto got = ask(server, target, "gzip");
        CHECK_FALSE(got.has("Content-Encoding: gzip"));
        CHECK(got.body == text);
    }
    CHECK(ask(server, "/small", "gzip").body == "small");
    CHECK(inflated(ask(server, "/small", "gzip, identity;q=0").body) == "small");
}

GROVE_TEST_REAL("what is not compressed, and stands for what may be, says that it varies") {
    TestServer server{&answer, {.compression = grove::http::Compression{}}};
    for (const auto target : {"/part", "/parts", "/same", "/small"}) {
        for (const auto method : {"GET", "HEAD"}) {
            CAPTURE(target);
            const auto got = ask(server, target, "gzip", method);
            CHECK(got.has("Vary: Accept-Encoding"));
            CHECK_FALSE(got.has("Content-Encoding: gzip"));
        }
    }
    CHECK(ask(server, "/empty", "gzip").has("Vary: Accept-Encoding"));
    CHECK_FALSE(ask(server, "/empty", "gzip").has("Content-Encoding: gzip"));
    CHECK(inflated(ask(server, "/empty", "gzip, identity;q=0").body) == "");
    CHECK_FALSE(ask(server, "/image", "gzip").has("Vary: Accept-Encoding"));
}

GROVE_TEST_REAL("who announces a length and writes another is found out, though it is compressed") {
    TestServer server{[](Request& request, ResponseWriter& response) {
                          response.headers.set("Content-Type", "text/plain");
                          response.headers.set("Content-Length", "5000");
                          if (request.target != "/none")
                              response.write(std::string_view{text}.substr(0, 2500));
                          if (request.target == "/more") response.write(text);
                      },
                      {.compression = grove::http::Compression{}}};
    for (const auto target : {"/none", "/less"}) {
        const auto cut = server.ask("GET " + std::string{target} +
                                    " HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
        CHECK(cut.starts_with("HTTP/1.1 200 "));
        CHECK_FALSE(cut.ends_with("0\r\n\r\n"));
    }
    CHECK(inflated(ask(server, "/more", "gzip").body) == text);
}

GROVE_TEST_REAL("HEAD says what GET would, without the work") {
    TestServer server{&answer, {.compression = grove::http::Compression{}}};
    const auto got = ask(server, "/", "gzip", "HEAD");
    CHECK(got.has("Content-Encoding: gzip"));
    CHECK(got.has("Vary: Accept-Encoding"));
    CHECK_FALSE(got.has("Content-Length: 5000"));
    CHECK(got.body == "");
}

GROVE_TEST_REAL("who refuses every coding, and none, is answered 406 before the handler runs") {
    int calls = 0;
    TestServer server{[&](Request& request, ResponseWriter& response) {
                          ++calls;
                          answer(request, response);
                      },
                      {.compression = grove::http::Compression{}}};
    CHECK(ask(server, "/", "identity;q=0").head.starts_with("HTTP/1.1 406 "));
    CHECK(ask(server, "/", "br, *;q=0").head.starts_with("HTTP/1.1 406 "));
    CHECK(calls == 0);
    CHECK(ask(server, "/", "gzip, *;q=0").head.starts_with("HTTP/1.1 200 "));
}

GROVE_TEST_REAL("a request's coded body is 415 unless the server takes it as it is") {
    const std::string request =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc";
    const auto mirror = [](Request& in, ResponseWriter& out) { out.send(in.body.read_all()); };
    TestServer strict{mirror};
    const Answer refused{strict.ask(request)};
    CHECK(refused.head.starts_with("HTTP/1.1 415 "));
    CHECK(refused.has("Accept-Encoding: identity"));
    CHECK(strict
              .ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: identity\r\nContent-Encoding: gzip\r\n"
                   "Content-Length: 3\r\n\r\nabc")
              .starts_with("HTTP/1.1 415 "));
    TestServer lenient{mirror, {.encoded_bodies = true}};
    CHECK(Answer{lenient.ask(request)}.body == "abc");
}

GROVE_TEST_REAL("each piece of a compressed response can be read when it was written") {
    grove::WaitList go_on;
    TestServer server{[&](Request&, ResponseWriter& response) {
                          response.headers.set("Content-Type", "text/event-stream");
                          response.write("data: 1\n\n");
                          go_on.wait();
                          response.write("data: 2\n\n");
                      },
                      {.compression = grove::http::Compression{}}};
    auto wire = server.connect();
    wire.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
    const std::string head = wire.read_through("\r\n\r\n");
    const std::string first = wire.read_through(std::string{"\x00\x00\xff\xff\r\n", 6});
    CHECK(first.size() > 20);
    go_on.notify_one();
    CHECK(inflated(unchunked(first + wire.read_to_end())) == "data: 1\n\ndata: 2\n\n");
}

TEST_SUITE_END();
