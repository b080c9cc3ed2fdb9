
#include "support/await_sweep.hpp"

#include <grove/core/greenlet.hpp>
#include <grove/io/asio.hpp>
#include <grove/io/pipe.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/dns.hpp>
#include <grove/net/select.hpp>
#include <grove/net/server.hpp>
#include <grove/net/tls.hpp>
#include <grove/sync/event.hpp>
#include <grove/sync/group.hpp>

#include "core/scheduler.hpp"
#include "io/stream_calls.hpp"
#include "net/resolver.hpp"
#include "net/tls_pair.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <atomic>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Deadline;
using grove::net::Endpoint;
using grove::net::Listener;
using grove::net::Socket;
using grove::net::StreamServer;
using grove::net::TlsContext;
using grove::net::TlsSocket;
using grove::net::UdpSocket;

namespace {

// --- Sockets ----------------------------------------------------------------------------------------

using TcpEnds = Both<Socket, Socket, &tcp_pair>;
using UnixEnds = Both<Socket, Socket, &Socket::pair>;
using TlsEnds = Both<TlsSocket, TlsSocket, &tls_pair>;

using ReadSocket = ReadFrom<TcpEnds>;
using WriteSocket = WriteTo<UnixEnds>;
using ReadTls = ReadFrom<TlsEnds>;

struct ReadLine {
    ReadLine() { grove::write(ends.second, "half a "); }
    std::error_code run(Deadline by) {
        std::error_code ec;
        (void)reader.read_until("\n", ec, by);
        return ec;
    }
    void help() { grove::write(ends.second, "line\n"); }
    void check() {
        help();
        CHECK(reader.read_line(patience) == "half a line");
    }
    static constexpr bool is_silent = true;
    std::pair<Socket, Socket> ends = tcp_pair();
    grove::BufferedReader<Socket> reader{ends.first};
};

struct Connect {
    Connect() : first{Socket::connect(listener.local(), patience)} {}
    std::error_code run(Deadline by) {
        std::error_code ec;
        (void)Socket::connect(listener.local(), ec, by);
        return ec;
    }
    void help() { (void)listener.accept(patience); }
    void check() {
        help();
        CHECK(Socket::connect(listener.local(), patience));
    }
    static constexpr bool is_silent = true;
    Listener listener = Listener::bind(Endpoint::parse("unix:@grove-await-sweep"), {.backlog = 0});
    Socket first;
};

struct Accept {
    std::error_code run(Deadline by) {
        std::error_code ec;
        (void)listener.accept(ec, by);
        return ec;
    }
    void help() { caller = Socket::connect(listener.local(), patience); }
    void check() {
        help();
        CHECK(listener.accept(patience));
    }
    static constexpr bool is_silent = true;
    Listener listener = Listener::bind(any_port);
    Socket caller;
};

struct Receive {
    std::error_code run(Deadline by) {
        std::error_code ec;
        std::array<std::byte, 16> buffer;
        (void)socket.receive_from(buffer, ec, by);
        return ec;
    }
    void help() { peer.send_to(socket.local(), bytes("x")); }
    void check() {
        help();
        CHECK_FALSE(run(patience));
    }
    static constexpr bool is_silent = true;
    UdpSocket socket = UdpSocket::bind(any_port);
    UdpSocket peer = UdpSocket::bind(any_port);
};

/// The receiver's queue is full.
struct SendTo {
    SendTo() {
        std::error_code ec;
        while (!ec) (void)socket.send_to(to, bytes("x"), ec, 0ms);
    }
    std::error_code run(Deadline by) {
        std::error_code ec;
        (void)socket.send_to(to, bytes("y"), ec, by);
        return ec;
    }
    void help() {
        std::array<std::byte, 16> buffer;
        (void)receiver.receive_from(buffer);
    }
    void check() {
        help();
        CHECK_FALSE(run(patience));
    }
    static constexpr bool is_silent = true;
    const Endpoint to = Endpoint::parse("unix:@grove-await-sweep-datagrams");
    UdpSocket receiver = UdpSocket::bind(to);
    UdpSocket socket = UdpSocket::bind(Endpoint::parse("unix:@grove-await-sweep-sender"));
};

struct SelectReadiness {
    std::error_code run(Deadline by) {
        const auto chosen =
            grove::select(grove::on_readable(ends.first), grove::on_writable(ends.first), grove::on_time(by));
        return chosen == 2 ? std::make_error_code(std::errc::timed_out) : std::error_code{};
    }
    void help() { grove::write(ends.second, "x"); }
    void check() {
        drain(ends.second);
        CHECK(grove::select(grove::on_writable(ends.first)) == 0);
    }
    SelectReadiness() { fill_up(ends.first); }
    static constexpr bool is_silent = true;
    std::pair<Socket, Socket> ends = Socket::pair();
};

/// The system's resolver answers when it is told to.
struct Resolve {
    Resolve() {
        answers = false;
        grove::net::set_dns_options({.cache_time = 0s});
        grove::detail::Scheduler::here()->service<grove::detail::Resolver>().set_look_up(
            [](const std::string&) -> grove::detail::Resolved {
                answers.wait(false);
                return {.addresses = {grove::net::IpAddress::loopback()}, .ec = {}};
            });
    }
    ~Resolve() { help(); }
    std::error_code run(Deadline by) {
        std::error_code ec;
        (void)grove::net::resolve("name", ec, by);
        return ec;
    }
    void help() {
        answers = true;
        answers.notify_all();
    }
    void check() {
        help();
        CHECK_FALSE(run(patience));
    }
    static constexpr bool is_silent = true;
    static inline std::atomic<bool> answers{false};
};

/// Waits for the name, then for the connection.
struct ConnectByName : Resolve {
    std::error_code run(Deadline by) {
        std::error_code ec;
        (void)Socket::connect("name", listener.local().port(), ec, by);
        return ec;
    }
    void check() {
        help();
        CHECK_FALSE(run(patience));
    }
    Listener listener = Listener::bind(any_port);
};

// --- TLS --------------------------------------------------------------------------------------------

/// One end shakes hands in another greenlet, `run` in this one.
template <bool IsClient>
struct ShakeHands {
    std::error_code run(Deadline by) {
        std::error_code ec;
        partner = group.spawn([this] {
            std::error_code other;
            (void)(IsClient
                       ? TlsSocket::server(std::move(ends.second), server, other, patience)
                       : TlsSocket::client(std::move(ends.second), client, "localhost", other, patience));
        });
        (void)(IsClient ? TlsSocket::client(std::move(ends.first), client, "localhost", ec, by)
                        : TlsSocket::server(std::move(ends.first), server, ec, by));
        return ec;
    }
    void help() {}
    void check() { CHECK(partner.join(patience)); }  // the connection is closed, or this would take its time

    TlsContext client = TlsContext::client(trusting());
    TlsContext server = good_server();
    std::pair<Socket, Socket> ends = tcp_pair();
    grove::Greenlet<> partner;
    grove::Group group;
};

struct WriteTls {
    WriteTls() { fill_up(made.client); }
    std::error_code run(Deadline by) {
        std::error_code ec;
        (void)made.client.write_some(bytes("x"), ec, by);
        return ec;
    }
    void help() {
        group.spawn([this] { drain_for_ever(); });
    }
    void drain_for_ever() {
        std::vector<std::byte> buffer(1 << 16);
        while (made.server.read_some(buffer) > 0) {
        }
    }
    void check() {
        help();
        CHECK_NOTHROW(grove::write(made.client, "y", patience));
        CHECK_NOTHROW(made.client.shutdown(patience));
    }
    static constexpr bool is_silent = true;
    // A full TCP connection may find room after all.
    Handshake made = shake_hands(TlsContext::client(trusting()), good_server(), "localhost", Socket::pair());
    grove::Group group;
};

struct ShutDownTls : WriteTls {
    std::error_code run(Deadline by) {
        std::error_code ec;
        made.client.shutdown(ec, by);
        return ec;
    }
    void check() {
        help();
        CHECK_NOTHROW(made.client.shutdown(patience));
    }
};

// --- Servers ----------------------------------------------------------------------------------------

/// A server with a connection whose handler ends when it is told.
struct Serving {
    Serving() {
        server.start();
        caller = Socket::connect(server.endpoint(), patience);
        while (server.connections() == 0) grove::yield();
    }
    void help() { leave.set(); }
    void check() {
        leave.set();
        server.stop(patience);
        CHECK(server.connections() == 0);
    }
    grove::Event leave;
    Socket caller;
    StreamServer server{any_port, [this](const Socket&, const Endpoint&) { leave.wait(); }};
};

struct Stop : Serving {
    std::error_code run(Deadline) {
        server.stop(Deadline{});
        return {};
    }
};

struct ServeForever : Serving {
    std::error_code run(Deadline) {
        server.serve_forever();
        return {};
    }
    void help() {
        leave.set();
        server.stop(patience);
    }
    void check() { CHECK(server.connections() == 0); }
};

// --- Asio -------------------------------------------------------------------------------------------

struct AsioTimer {
    std::error_code run(Deadline) {
        std::error_code ec;
        timer.async_wait(grove::use_greenlet[ec]);
        return ec;
    }
    void help() {}
    void check() {
        timer.expires_after(0s);
        CHECK_FALSE(run({}));
    }
    boost::asio::steady_timer timer{grove::asio_context(), 1ms};
};

struct AsioRead {
    AsioRead() : from{grove::asio_context(), pipe.first.release()} {}
    std::error_code run(Deadline) {
        std::error_code ec;
        std::array<char, 4> text{};
        (void)boost::asio::async_read(from, boost::asio::buffer(text), grove::use_greenlet[ec]);
        return ec;
    }
    void help() { grove::write(pipe.second, "four"); }
    void check() {
        help();
        CHECK_FALSE(run({}));
    }
    std::pair<grove::ReadPipe, grove::WritePipe> pipe = grove::make_pipe();
    boost::asio::posix::stream_descriptor from;
};

}  // namespace

TEST_SUITE_BEGIN("net/await_sweep");

SWEEP_AND_DEADLINE(ReadSocket)
SWEEP_AND_DEADLINE(WriteSocket)
SWEEP_AND_DEADLINE(ReadLine)
SWEEP_AND_DEADLINE(Connect)
SWEEP_AND_DEADLINE(Accept)
SWEEP_AND_DEADLINE(Receive)
SWEEP_AND_DEADLINE(SendTo)
SWEEP_AND_DEADLINE(SelectReadiness)
SWEEP_AND_DEADLINE(Resolve)
SWEEP_AND_DEADLINE(ConnectByName)
SWEEP(ShakeHands<true>)
SWEEP(ShakeHands<false>)
SWEEP_AND_DEADLINE(ReadTls)
SWEEP_AND_DEADLINE(WriteTls)
SWEEP(ShutDownTls)
SWEEP(Stop)
SWEEP(ServeForever)
SWEEP(AsioTimer)
SWEEP(AsioRead)

TEST_SUITE_END();
