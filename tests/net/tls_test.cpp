#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/timeout.hpp>
#include <grove/net/server.hpp>
#include <grove/net/tls.hpp>
#include <grove/sync/queue.hpp>

#include "net/tls_pair.hpp"
#include "support/faulty_os.hpp"
#include "support/grove_test.hpp"

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <ostream>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::spawn;
using grove::net::Endpoint;
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

GROVE_TEST_REAL("records arrive whole, however the system cuts them") {
    FaultyOs system;
    system.shorten(Call::receive, 1, 3, FaultyOs::for_ever);
    system.shorten(Call::send, 1, 7, FaultyOs::for_ever);
    const OsScope scope{system};
    auto [client, server] = tls_pair();
    grove::write(client, "request", patience);
    CHECK(read_piece(server) == "request");
    server.shutdown(patience);
    CHECK(read_piece(client).empty());
}

GROVE_TEST_REAL("a failure of the system keeps its errno") {
    auto [client, server] = tls_pair();
    FaultyOs system;
    system.fail(Call::receive, 1, ECONNRESET);
    system.fail(Call::send, 1, ENOBUFS);
    const OsScope scope{system};
    std::error_code ec;
    CHECK(read_piece(client, ec).empty());
    CHECK(ec == std::errc::connection_reset);
    CHECK(server.write_some(bytes("?"), ec, patience) == 0);
    CHECK(ec == std::errc::no_buffer_space);
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

GROVE_TEST_REAL("reading into nothing and writing nothing returns at once, closed or not") {
    TlsSocket none;
    std::error_code ec = Errc::eof;
    CHECK(none.read_some({}, ec) == 0);
    CHECK_FALSE(ec);
    CHECK(read_piece(none, ec).empty());
    CHECK(ec == Errc::closed);
    CHECK(none.write_some(bytes("?"), ec) == 0);
    CHECK(ec == Errc::closed);
    none.shutdown(ec);
    CHECK(ec == Errc::closed);
    (void)TlsSocket::server(Socket{}, good_server(), ec);
    CHECK(ec == Errc::closed);
}

GROVE_TEST_REAL("after shutdown nothing is written, and a second one says nothing") {
    auto [client, server] = tls_pair();
    client.shutdown(patience);
    client.shutdown(patience);
    std::error_code ec;
    CHECK(client.write_some(bytes("?"), ec, patience) == 0);
    CHECK(ec == Errc::closed);
    CHECK(read_piece(server).empty());
    server.shutdown(patience);
    CHECK(read_piece(client).empty());
}

GROVE_TEST_REAL("bytes that are no record break the connection, and it says why") {
    auto [plain, plain_server] = tcp_pair();
    auto server = spawn([socket = std::move(plain_server)]() mutable {
        std::error_code ec;
        (void)TlsSocket::server(std::move(socket), good_server(), ec, patience);
        return ec;
    });
    grove::write(plain, "GET / HTTP/1.1\r\n\r\n");
    const std::error_code ec = server.get();
    CHECK(ec.category() == grove::net::tls_category());
    CHECK(ec.message() == "http request");

    auto [plain_client, other] = tcp_pair();
    grove::write(other, "220 mail.example ESMTP\r\n");
    std::error_code why;
    (void)TlsSocket::client(
        std::move(plain_client), TlsContext::client(trusting()), "localhost", why, patience);
    CHECK(why.message() == "wrong version number");
}

// --- Time, and kills ------------------------------------------------------------------------------

GROVE_TEST_REAL("a handshake with who says nothing ends at the deadline") {
    auto [silent, plain] = tcp_pair();
    std::error_code ec;
    CHECK_FALSE(TlsSocket::server(std::move(plain), good_server(), ec, 20ms));
    CHECK(ec == std::errc::timed_out);
    CHECK(read_piece(silent).empty());  // it is closed

    auto [mute, second] = tcp_pair();
    CHECK_FALSE(TlsSocket::client(std::move(second), TlsContext::client(trusting()), "localhost", ec, 20ms));
    CHECK(ec == std::errc::timed_out);
}

GROVE_TEST_REAL("a handshake that the peer breaks off is Errc::eof") {
    auto [client, plain] = tcp_pair();
    client.close();
    std::error_code ec;
    CHECK_FALSE(TlsSocket::server(std::move(plain), good_server(), ec, patience));
    CHECK(ec == Errc::eof);
}

GROVE_TEST_REAL("a kill in the handshake closes the connection") {
    auto [silent, plain] = tcp_pair();
    auto shaking = spawn(
        [socket = std::move(plain)]() mutable { (void)TlsSocket::server(std::move(socket), good_server()); });
    settle();
    shaking.kill();
    shaking.join();
    CHECK(shaking.killed());
    CHECK(read_piece(silent).empty());
}

GROVE_TEST_REAL("an exception that ends the handshake is no failure of the handshake") {
    auto [silent, plain] = tcp_pair();
    std::error_code ec;
    auto shaking = spawn([&ec, socket = std::move(plain)]() mutable {
        (void)TlsSocket::server(std::move(socket), good_server(), ec);
    });
    settle();
    shaking.kill(std::make_exception_ptr(std::system_error{std::make_error_code(std::errc::owner_dead)}));
    CHECK_THROWS_AS(shaking.get(), std::system_error);
    CHECK_FALSE(ec);
    CHECK(read_piece(silent).empty());
}

GROVE_TEST_REAL("a read ends at its deadline or by a kill, and the next one reads on") {
    auto [client, server] = tls_pair();
    std::error_code ec;
    CHECK(read_piece(client, ec, 10ms).empty());
    CHECK(ec == std::errc::timed_out);
    auto reader = spawn([&socket = client] { (void)read_piece(socket); });
    settle();
    reader.kill();
    reader.join();
    CHECK(reader.killed());
    CHECK_FALSE(grove::try_with_timeout(10ms, [&socket = client] { (void)read_piece(socket); }));
    grove::write(server, "still here");
    CHECK(read_piece(client) == "still here");
}

GROVE_TEST_REAL("what was written by a deadline arrives, and nothing twice") {
    auto [client, server] = tls_pair();
    const std::string piece = pattern(1 << 16, 3);
    std::size_t written = 0;
    std::error_code ec;
    while (!ec) written += client.write_some(bytes(piece).subspan(written % 1000), ec, 0ms);
    CHECK(ec == std::errc::timed_out);
    auto killed = spawn([&socket = client] { grove::write(socket, "never taken"); });
    settle();
    killed.kill();
    killed.join();
    CHECK(killed.killed());

    auto closing = spawn([&socket = client] { socket.shutdown(patience); });
    std::size_t got = 0;
    std::vector<std::byte> buffer(1 << 16);
    while (const std::size_t n = server.read_some(buffer, patience)) got += n;
    closing.join();
    CHECK(got == written);
}

GROVE_TEST_REAL("a socket may be destroyed while others wait in it") {
    auto [client, server] = tls_pair();
    auto ours = std::make_unique<TlsSocket>(std::move(client));
    auto reader = spawn([&socket = *ours] { (void)read_piece(socket); });
    settle();
    ours.reset();
    CHECK_THROWS_WITH(reader.get(), doctest::Contains("closed"));
}

GROVE_TEST_REAL("who waits in a socket that is closed leaves with Errc::closed") {
    auto [client, server] = tls_pair();
    const auto reader = spawn([&socket = client] {
        std::error_code ec;
        (void)read_piece(socket, ec);
        return ec;
    });
    auto writer = spawn([&socket = client] {
        std::error_code ec;
        const std::string much = pattern(1 << 16, 4);
        while (!ec) grove::write(socket, much, ec, patience);
        return ec;
    });
    settle();
    client.close();
    CHECK(reader.get() == Errc::closed);
    CHECK(writer.get() == Errc::closed);
}

GROVE_TEST_REAL("two on one side at once are told so") {
    auto [client, server] = tls_pair();
    auto reader = spawn([&socket = client] { return read_piece(socket); });
    settle();
    std::error_code ec;
    (void)read_piece(client, ec);
    CHECK(ec == Errc::concurrent_use);
    grove::write(server, "for the first");
    CHECK(reader.get() == "for the first");
}

GROVE_TEST_REAL("a write to who is gone fails") {
    auto [client, server] = tls_pair();
    server.close();
    std::error_code ec;
    while (!ec) grove::write(client, "anybody there?", ec, patience);
    CHECK((ec == std::errc::broken_pipe || ec == std::errc::connection_reset));
}

// --- Against OpenSSL itself, on a thread of its own --------------------------------------------------

namespace {

/// OpenSSL's own sockets raise SIGPIPE.
class SigpipeIgnored {
public:
    SigpipeIgnored() : before_{std::signal(SIGPIPE, SIG_IGN)} {}
    SigpipeIgnored(const SigpipeIgnored&) = delete;
    SigpipeIgnored& operator=(const SigpipeIgnored&) = delete;
    ~SigpipeIgnored() { std::signal(SIGPIPE, before_); }

private:
    void (*before_)(int);
};

/// A client of OpenSSL's on a blocking socket, which asks for new keys with every round of the echo.
int echo_with_key_updates(int fd, int rounds) {
    SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
    SSL* const ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    int done = 0;
    std::string got(4096, ' ');
    if (SSL_connect(ssl) == 1) {
        for (; done < rounds; ++done) {
            const std::string sent = pattern(got.size(), static_cast<unsigned>(done));
            SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
            SSL_write(ssl, sent.data(), static_cast<int>(sent.size()));
            int n = 0;
            for (int at = 0; at < 4096; at += n) {
                n = SSL_read(ssl, got.data() + at, 4096 - at);
                if (n <= 0) break;
            }
            if (n <= 0 || got != sent) break;
        }
    }
    SSL_shutdown(ssl);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return done;
}

}  // namespace

GROVE_TEST_REAL("keys change while a greenlet reads and another writes") {
    const SigpipeIgnored ignored;
    auto [client, plain] = tcp_pair();
    const int fd = client.release();
    ::fcntl(fd, F_SETFL, 0);  // blocking
    auto native = spawn([fd] { return grove::offload([fd] { return echo_with_key_updates(fd, 50); }); });

    auto server = TlsSocket::server(std::move(plain), good_server(), patience);
    grove::Queue<std::string> pieces;
    auto writer = spawn([&] {
        for (;;) {
            const std::string piece = pieces.get();
            if (piece.empty()) return;
            grove::write(server, piece, patience);
        }
    });
    for (;;) {
        auto piece = read_piece(server);
        const bool last = piece.empty();
        pieces.put(std::move(piece));
        if (last) break;
    }
    writer.join();
    CHECK(native.get() == 50);
    ::close(fd);
}

namespace {

/// Demands new keys as long as it can, and reads none of the answers.
int flood_with_key_updates(int fd, int most) {
    SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
    SSL* const ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    int done = 0;
    if (SSL_connect(ssl) == 1) {
        while (done < most && SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1 &&
               SSL_do_handshake(ssl) == 1) {
            ++done;
        }
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    return done;
}

}  // namespace

GROVE_TEST_REAL("a peer that demands answers and does not read them is no memory leak") {
    const SigpipeIgnored ignored;
    auto [client, plain] = tcp_pair();
    const int small = 4096;
    ::setsockopt(plain.native_handle(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    const int fd = client.release();
    ::fcntl(fd, F_SETFL, 0);  // blocking
    constexpr int most = 100'000;
    auto native = spawn([fd] { return grove::offload([fd] { return flood_with_key_updates(fd, most); }); });
    auto server = TlsSocket::server(std::move(plain), good_server(), patience);
    std::error_code ec;
    CHECK(read_piece(server, ec).empty());
    CHECK_MESSAGE(ec == Errc::bad_message, ec.message());
    server.close();
    CHECK(native.get() < most);
    ::close(fd);
}

// --- Without greenlets ----------------------------------------------------------------------------

namespace {

void echo(TlsSocket& socket) {
    for (;;) {
        const auto piece = read_piece(socket);
        if (piece.empty()) return socket.shutdown(patience);
        grove::write(socket, piece, patience);
    }
}

std::string ask(TlsSocket& socket, std::string_view question) {
    grove::write(socket, question, patience);
    std::string answer(question.size(), ' ');
    grove::read(socket, std::as_writable_bytes(std::span{answer}), patience);
    return answer;
}

}  // namespace

TEST_CASE("plain threads talk TLS") {
    const int descriptors = open_descriptors();
    {
        auto [plain_client, plain_server] = tcp_pair();
        std::thread other{[&socket = plain_server] {
            auto server = TlsSocket::server(std::move(socket), good_server(), patience);
            echo(server);
        }};
        auto client =
            TlsSocket::client(std::move(plain_client), TlsContext::client(trusting()), "localhost", patience);
        const std::string much = pattern(20000, 5);
        CHECK(ask(client, much) == much);
        client.shutdown(patience);
        CHECK(read_piece(client).empty());
        other.join();
    }
    CHECK(open_descriptors() == descriptors);
}

GROVE_TEST_REAL("a server's handler makes the handshake, in every model") {
    using grove::net::Model;
    const auto context = good_server();
    for (const Model model : {Model::greenlets, Model::threads, Model::gil_threads}) {
        const auto handler = [context](Socket plain, const Endpoint&) {
            auto socket = TlsSocket::server(std::move(plain), context, patience);
            echo(socket);
        };
        StreamServer server{any_port, handler, {.model = model}};
        server.start();
        auto client = TlsSocket::connect(
            "127.0.0.1", server.endpoint().port(), TlsContext::client(trusting()), patience);
        CHECK(ask(client, "hello") == "hello");
        client.shutdown(patience);
        CHECK(read_piece(client).empty());
        client.close();
        server.stop(patience);
    }
}

TEST_SUITE_END();
