#include <grove/core/greenlet.hpp>
#include <grove/core/timeout.hpp>
#include <grove/net/server.hpp>
#include <grove/net/tls.hpp>

#include "net/tls_pair.hpp"
#include "support/grove_test.hpp"

#include <chrono>
#include <ostream>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::spawn;
using grove::net::Endpoint;
using grove::net::Side;
using grove::net::Socket;
using grove::net::StreamServer;
using grove::net::TlsContext;
using grove::net::TlsSocket;

namespace {

std::string pattern(std::size_t size, unsigned seed) {
    std::string made(size, ' ');
    for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<char>((i + seed) * 2654435761U >> 13);
    return made;
}

}  // namespace

TEST_SUITE_BEGIN("net/tls");

GROVE_TEST_REAL("bytes go both ways, and the end is seen") {
    auto [client, server] = tls_pair();
    grove::write(client, "request");
    CHECK(read_piece(server) == "request");
    grove::write(server, "answer");
    server.shutdown(patience);
    CHECK(read_piece(client) == "answer");
    CHECK(read_piece(client).empty());
    CHECK(read_piece(client).empty());  // and again
    grove::write(client, "the other half lives");
    CHECK(read_piece(server) == "the other half lives");
}

GROVE_TEST_REAL("a connection says what was agreed on") {
    auto [client, server] = tls_pair();
    CHECK(client.protocol() == "TLSv1.3");
    CHECK(client.cipher().starts_with("TLS_"));
    CHECK(client.cipher() == server.cipher());
    CHECK(client.peer_certificate_subject() == "CN=localhost");
    CHECK(server.peer_certificate_subject().empty());
    CHECK(client.alpn().empty());
    CHECK_FALSE(client.session_reused());
    CHECK(client.socket().peer() == server.socket().local());
}

GROVE_TEST_REAL("large transfers both ways at once arrive whole") {
    auto [client, server] = tls_pair();
    const std::string there = pattern(5 << 20, 1);
    const std::string back = pattern(5 << 20, 2);
    const auto send = [](TlsSocket& socket, const std::string& what) {
        return spawn([&socket, &what] {
            grove::write(socket, what, patience);
            socket.shutdown(patience);
        });
    };
    const auto receive = [](TlsSocket& socket, std::size_t size) {
        return spawn([&socket, size] {
            std::string got(size, ' ');
            grove::read(socket, std::as_writable_bytes(std::span{got}), patience);
            CHECK(read_piece(socket).empty());
            return got;
        });
    };
    auto first = send(client, there);
    auto second = send(server, back);
    auto got_there = receive(server, there.size());
    auto got_back = receive(client, back.size());
    CHECK(got_there.get() == there);
    CHECK(got_back.get() == back);
    first.join();
    second.join();
}

GROVE_TEST_REAL("a connection that was cut off is an error, not an end") {
    auto [client, server] = tls_pair();
    grove::write(server, "half of");
    server.close();
    CHECK(read_piece(client) == "half of");
    std::error_code ec;
    CHECK(read_piece(client, ec).empty());
    CHECK(ec == Errc::eof);
    CHECK_THROWS_AS((void)read_piece(client), std::system_error);
}

TEST_SUITE_END();
