#include <grove/http/server.hpp>

#include "http/wire.hpp"
#include "net/tls_pair.hpp"
#include "support/grove_test.hpp"

#include <array>
#include <chrono>
#include <string>

using namespace std::chrono_literals;
using grove::http::Request;
using grove::http::ResponseWriter;
using grove::http::ServerOptions;
using grove::net::Model;
using grove::net::TlsContext;
using grove::net::TlsSocket;
using grove::testing::good_files;
using grove::testing::patience;
using grove::testing::read_piece;
using grove::testing::TestServer;
using grove::testing::trusting;
using grove::testing::undated;
using grove::testing::Wire;

namespace {

void mirror(Request& request, ResponseWriter& response) {
    response.send(request.target + " " + request.body.read_all(1 << 24));
}

ServerOptions under_tls(Model model = Model::greenlets) {
    return {.net = {.model = model},
            .tls = TlsContext::server({.certificate_file = good_files().certificate,
                                       .key_file = good_files().key,
                                       .alpn = {"http/1.1"}})};
}

TlsSocket connect(const TestServer& server) {
    auto options = trusting();
    options.alpn = {"h2", "http/1.1"};
    return TlsSocket::connect(
        "127.0.0.1", server.server.endpoint().port(), TlsContext::client(options), patience);
}

/// To the end that the server announces.
std::string read_to_end(TlsSocket& socket) {
    std::string all;
    for (;;) {
        const std::string piece = read_piece(socket);
        if (piece.empty()) return all;
        all += piece;
    }
}

}  // namespace

TEST_SUITE_BEGIN("http/server_tls");

GROVE_TEST_REAL("requests and bodies of any size go through TLS, by each model, and the end is announced") {
    for (const Model model : {Model::greenlets, Model::threads, Model::gil_threads}) {
        TestServer server{&mirror, under_tls(model)};
        auto socket = connect(server);
        CHECK(socket.alpn() == "http/1.1");
        const std::string body(1'000'000, 'x');
        auto sender = grove::spawn([&] {
            grove::write(socket, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", patience);
            grove::write(
                socket,
                "POST /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n" + body,
                patience);
        });
        const std::string all = undated(read_to_end(socket));
        sender.join();
        CHECK(all.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n/1 HTTP/1.1 200 OK\r\n"));
        CHECK(all.ends_with("\r\n\r\n/2 " + body));
    }
}

GROVE_TEST_REAL("pieces and bad requests under TLS") {
    TestServer server{[](Request&, ResponseWriter& response) {
                          response.write("hello");
                          response.write(std::string(40'000, 'x'));
                      },
                      under_tls()};
    auto socket = connect(server);
    grove::write(socket, "GET / HTTP/1.1\r\nHost: a\r\n\r\nwhat is this?\r\n\r\n", patience);
    const std::string all = read_to_end(socket);
    CHECK(all.find("5\r\nhello\r\n9c40\r\nxxx") != std::string::npos);
    CHECK(all.find("HTTP/1.1 400 Bad Request\r\n") != std::string::npos);
}

GROVE_TEST_REAL("who does not speak TLS is dropped, and nobody else notices") {
    TestServer server{&mirror, under_tls()};
    auto plain = server.connect();
    plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(plain.read_to_end().find("HTTP") == std::string::npos);
    auto socket = connect(server);
    grove::write(socket, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", patience);
    CHECK(read_to_end(socket).ends_with("/ "));
}

GROVE_TEST("a handshake that does not come holds a place for so long and no longer") {
    auto options = under_tls();
    options.handshake_timeout = 5s;
    TestServer server{&mirror, options};
    auto plain = server.connect();
    const auto start = grove::now();
    CHECK(plain.read_to_end() == "");
    CHECK(grove::now() - start >= 5s);
    CHECK(grove::now() - start < 7s);
}

GROVE_TEST_REAL("stop ends idle connections under TLS, with a word") {
    TestServer server{&mirror, under_tls()};
    auto socket = connect(server);
    grove::write(socket, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", patience);
    while (read_piece(socket).find("/ ") == std::string::npos) {
    }
    auto stopper = grove::spawn([&] { server.server.stop(10s); });
    CHECK(read_to_end(socket) == "");
    stopper.join();
}

GROVE_TEST_REAL("a server on a Unix socket") {
    const std::string path = "@grove-http-test-" + std::to_string(::getpid());
    grove::http::Server server{grove::net::Endpoint::unix_path(path), &mirror};
    server.start();
    Wire wire{server.endpoint()};
    wire.send("GET /unix HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CHECK(wire.read_to_end().ends_with("\r\n\r\n/unix "));
}

TEST_SUITE_END();
