// Asio's own objects, and the libraries on it, as guests.

#include <grove/core/greenlet.hpp>
#include <grove/core/timeout.hpp>
#include <grove/io/asio.hpp>
#include <grove/net/tls.hpp>

#include "net/tls_pair.hpp"
#include "support/grove_test.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/serial_port.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <pty.h>
#include <string>

using namespace grove::testing;
namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using grove::asio_context;
using grove::spawn;
using grove::use_greenlet;
using grove::net::Socket;
using grove::net::TlsSocket;

namespace {

/// Sends back what it gets, under TLS, and says so when the peer has finished.
auto start_tls_echo(Socket plain) {
    return spawn([own = std::move(plain)]() mutable {
        auto socket = TlsSocket::server(std::move(own), good_server(), patience);
        while (true) {
            const std::string piece = read_piece(socket);
            if (piece.empty()) break;
            grove::write(socket, piece, patience);
        }
        socket.shutdown(patience);
        return true;
    });
}

ssl::context trusting_context() {
    ssl::context context{ssl::context::tls_client};
    context.load_verify_file(authority().file());
    return context;
}

template <class Stream>
void check_peer(Stream& stream) {
    stream.set_verify_mode(ssl::verify_peer);
    stream.set_verify_callback(ssl::host_name_verification{"localhost"});
}

/// A terminal with nobody in front of it.
struct Pty {
    Pty() {
        std::array<char, 128> name{};
        REQUIRE(::openpty(&master, &slave, name.data(), nullptr, nullptr) == 0);
        path = name.data();
    }
    Pty(const Pty&) = delete;
    Pty& operator=(const Pty&) = delete;
    ~Pty() {
        ::close(slave);
        ::close(master);
    }
    int master = -1;
    int slave = -1;
    std::string path;
};

}  // namespace

TEST_SUITE_BEGIN("io/asio_objects");

// --- TLS by Asio ------------------------------------------------------------------------------------

GROVE_TEST_REAL("asio::ssl::stream talks over a grove socket, synchronously, and blocks its greenlet alone") {
    auto [near, far] = tcp_pair();
    auto echo = start_tls_echo(std::move(far));
    ssl::context context = trusting_context();
    ssl::stream<grove::AsioStream<Socket>> stream{grove::AsioStream<Socket>{std::move(near)}, context};
    check_peer(stream);
    stream.handshake(ssl::stream_base::client);

    const std::string sent(100'000, 'x');
    auto writer = spawn([&] { asio::write(stream, asio::buffer(sent)); });
    writer.get();
    std::string got(sent.size(), ' ');
    CHECK(asio::read(stream, asio::buffer(got)) == sent.size());
    CHECK(got == sent);

    boost::system::error_code ec;
    stream.shutdown(ec);
    CHECK((!ec || ec == asio::error::eof));
    CHECK(echo.get());
}

GROVE_TEST_REAL("asio::ssl::stream over Asio's socket, by the token; who is not trusted is refused") {
    for (const bool trusted : {true, false}) {
        auto listener = grove::net::Listener::bind(any_port);
        auto echo = spawn([&] { return start_tls_echo(listener.accept(patience)).get(); });
        ssl::context context = trusted ? trusting_context() : ssl::context{ssl::context::tls_client};
        ssl::stream<tcp::socket> stream{asio_context(), context};
        check_peer(stream);
        stream.next_layer().async_connect({asio::ip::address_v4::loopback(), listener.local().port()},
                                          use_greenlet);
        boost::system::error_code ec;
        stream.async_handshake(ssl::stream_base::client, use_greenlet[ec]);
        CHECK(bool(ec) != trusted);
        if (!trusted) {
            stream.next_layer().close();
            CHECK_THROWS_AS(echo.get(), std::system_error);
            continue;
        }
        asio::async_write(stream, asio::buffer(std::string{"there"}), use_greenlet);
        std::array<char, 5> text{};
        CHECK(asio::async_read(stream, asio::buffer(text), use_greenlet) == 5);
        CHECK(std::string(text.data(), text.size()) == "there");
        stream.async_shutdown(use_greenlet[ec]);
        CHECK(echo.get());
    }
}

GROVE_TEST_REAL("a time limit of an AsioStream holds for a handshake, too") {
    auto [near, silent] = tcp_pair();
    ssl::context context = trusting_context();
    ssl::stream<grove::AsioStream<Socket>> stream{grove::AsioStream<Socket>{std::move(near)}, context};
    stream.next_layer().expires_after(std::chrono::milliseconds{5});
    boost::system::error_code ec;
    stream.handshake(ssl::stream_base::client, ec);
    CHECK(ec == std::errc::timed_out);
}

// --- Devices ----------------------------------------------------------------------------------------

GROVE_TEST_REAL("a serial port is read and written by greenlets, and a kill leaves it of use") {
    const Pty pty;
    asio::serial_port port{asio_context(), pty.path};
    port.set_option(asio::serial_port::baud_rate{115'200});
    asio::posix::stream_descriptor device{asio_context(), ::dup(pty.master)};
    std::array<char, 5> text{};

    auto killed = spawn([&] { (void)asio::async_read(port, asio::buffer(text), use_greenlet); });
    settle();
    killed.kill();
    killed.join();
    CHECK(killed.killed());

    auto reader = spawn([&] { return asio::async_read(port, asio::buffer(text), use_greenlet); });
    settle();
    CHECK_FALSE(reader.ready());
    asio::async_write(device, asio::buffer(std::string{"level"}), use_greenlet);
    CHECK(reader.get() == 5);
    CHECK(std::string(text.data(), text.size()) == "level");

    asio::async_write(port, asio::buffer(std::string{"check"}), use_greenlet);
    CHECK(asio::async_read(device, asio::buffer(text), use_greenlet) == 5);
    CHECK(std::string(text.data(), text.size()) == "check");
}

GROVE_TEST_REAL("a descriptor by the token ends with its peer") {
    std::array<int, 2> fds{};
    REQUIRE(::pipe(fds.data()) == 0);
    asio::posix::stream_descriptor from{asio_context(), fds[0]};
    auto to = std::make_unique<asio::posix::stream_descriptor>(asio_context(), fds[1]);
    auto reader = spawn([&] {
        std::array<char, 5> text{};
        boost::system::error_code ec;
        (void)from.async_read_some(asio::buffer(text), use_greenlet[ec]);
        return ec;
    });
    settle();
    to.reset();
    CHECK(reader.get() == asio::error::eof);
}

// --- Names ------------------------------------------------------------------------------------------

GROVE_TEST_REAL("Asio's resolver finds names, and refuses what is none") {
    tcp::resolver resolver{asio_context()};
    const auto found = resolver.async_resolve("localhost", "443", use_greenlet);
    CHECK_FALSE(found.empty());
    CHECK(found.begin()->endpoint().address().is_loopback());

    boost::system::error_code ec;
    (void)resolver.async_resolve(
        tcp::v4(), "not an address", "1", tcp::resolver::numeric_host, use_greenlet[ec]);
    CHECK(ec == asio::error::host_not_found);
}

// In order: else the hub may bring the answer before the kill.
GROVE_TEST_REAL_FIFO("who waits for Asio's resolver can be killed") {
    tcp::resolver resolver{asio_context()};
    auto killed = spawn([&] { (void)resolver.async_resolve("localhost", "1", use_greenlet); });
    grove::yield();
    killed.kill();
    killed.join();
    CHECK(killed.killed());  // it was waited for: this operation cannot be cancelled
}

TEST_SUITE_END();
