#include "net/await_sweep.hpp"

#include <grove/core/greenlet.hpp>
#include <grove/io/asio.hpp>
#include <grove/io/file.hpp>
#include <grove/io/pipe.hpp>
#include <grove/io/process.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/dns.hpp>
#include <grove/net/select.hpp>
#include <grove/net/server.hpp>
#include <grove/net/tls.hpp>
#include <grove/sync/event.hpp>
#include <grove/sync/group.hpp>

#include "io/scratch.hpp"
#include "net/tls_pair.hpp"
#include "support/faulty_os.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <string>
#include <unistd.h>
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

/// Reads one piece, in a call that may be interrupted.
template <class Stream>
std::error_code read_one(Stream& stream, Deadline by) {
    std::array<std::byte, 256> buffer;
    std::error_code ec;
    (void)stream.read_some(buffer, ec, by);
    return ec;
}

/// Writes until the stream takes no more.
template <class Stream>
void fill_up(Stream& stream) {
    const std::string much(1 << 16, 'x');
    std::error_code ec;
    while (!ec) stream.write_some(bytes(much), ec, 0ms);
}

template <class Stream>
void drain(Stream& stream) {
    std::vector<std::byte> buffer(1 << 16);
    std::error_code ec;
    while (!ec) stream.read_some(buffer, ec, 0ms);
}

// --- Sockets ----------------------------------------------------------------------------------------

/// Ends: two streams, of which `near` reads what `far` writes.
template <class Ends>
struct ReadFrom : Ends {
    std::error_code run(Deadline by) { return read_one(this->near, by); }
    void help() { grove::write(this->far, "x"); }
    void check() {
        help();
        CHECK_FALSE(run(patience));
        CHECK(run(0ms) == std::errc::timed_out);
    }
    static constexpr bool is_silent = true;
};

/// `far` has written until nothing more is taken.
template <class Ends>
struct WriteTo : Ends {
    WriteTo() { fill_up(this->far); }
    std::error_code run(Deadline by) {
        std::error_code ec;
        (void)this->far.write_some(bytes("x"), ec, by);
        return ec;
    }
    void help() { drain(this->near); }
    void check() {
        help();
        CHECK_FALSE(run(patience));
    }
    static constexpr bool is_silent = true;
};

template <class Near, class Far, auto make>
struct Both {
    std::pair<Near, Far> both = make();
    Near& near = both.first;
    Far& far = both.second;
};
using TcpEnds = Both<Socket, Socket, &tcp_pair>;
using UnixEnds = Both<Socket, Socket, &Socket::pair>;
using TlsEnds = Both<TlsSocket, TlsSocket, &tls_pair>;
using PipeEnds = Both<grove::ReadPipe, grove::WritePipe, &grove::make_pipe>;

using ReadSocket = ReadFrom<TcpEnds>;
using WriteSocket = WriteTo<UnixEnds>;
using ReadTls = ReadFrom<TlsEnds>;
using ReadPipe = ReadFrom<PipeEnds>;
using WritePipe = WriteTo<PipeEnds>;

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

struct Resolve {
    std::error_code run(Deadline by) {
        std::error_code ec;
        (void)grove::net::resolve("localhost", ec, by);
        return ec;
    }
    Resolve() { grove::net::set_dns_options({.cache_time = 0s}); }
    void help() {}
    void check() { CHECK_FALSE(run(patience)); }
};

// --- TLS --------------------------------------------------------------------------------------------

/// One end shakes hands in another greenlet, `run` in this one.
template <bool is_client>
struct ShakeHands {
    std::error_code run(Deadline by) {
        std::error_code ec;
        partner = group.spawn([this] {
            std::error_code other;
            (void)(is_client
                       ? TlsSocket::server(std::move(ends.second), server, other, patience)
                       : TlsSocket::client(std::move(ends.second), client, "localhost", other, patience));
        });
        (void)(is_client ? TlsSocket::client(std::move(ends.first), client, "localhost", ec, by)
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
    WriteTls() { fill_up(ends.first); }
    std::error_code run(Deadline by) {
        std::error_code ec;
        (void)ends.first.write_some(bytes("x"), ec, by);
        return ec;
    }
    void help() {
        group.spawn([this] { drain_for_ever(); });
    }
    void drain_for_ever() {
        std::vector<std::byte> buffer(1 << 16);
        while (ends.second.read_some(buffer) > 0) {
        }
    }
    void check() {
        help();
        CHECK_NOTHROW(grove::write(ends.first, "y", patience));
        CHECK_NOTHROW(ends.first.shutdown(patience));
    }
    static constexpr bool is_silent = true;
    std::pair<TlsSocket, TlsSocket> ends = tls_pair();
    grove::Group group;
};

struct ShutDownTls : WriteTls {
    std::error_code run(Deadline by) {
        std::error_code ec;
        ends.first.shutdown(ec, by);
        return ec;
    }
    void check() {
        help();
        CHECK_NOTHROW(ends.first.shutdown(patience));
    }
};

// --- Pipes and processes ----------------------------------------------------------------------------

struct WaitForChild {
    std::error_code run(Deadline by) {
        return cat.wait(by) ? std::error_code{} : std::make_error_code(std::errc::timed_out);
    }
    void help() { cat.input().close(); }
    void check() {
        help();
        CHECK(cat.wait() == 0);
    }
    static constexpr bool is_silent = true;
    grove::Process cat = grove::Process::start({.argv = {"cat"}, .input = grove::Stdio::pipe()});
};

struct Communicate {
    std::error_code run(Deadline by) {
        std::error_code ec;
        try {
            (void)child.communicate(by.is_never() && !begun ? std::string(200'000, 'x') : "", by);
        } catch (const std::system_error& error) {
            ec = error.code();
        }
        return ec;
    }
    void help() {}
    void check() {
        begun = true;
        CHECK_FALSE(run({}));
    }
    bool begun = false;
    grove::Process child = grove::Process::start({.argv = {"cat"},
                                                  .input = grove::Stdio::pipe(),
                                                  .output = grove::Stdio::pipe(),
                                                  .errors = grove::Stdio::pipe()});
};

struct RunProcess {
    std::error_code run(Deadline by) {
        (void)grove::run_process({"cat"}, std::string(200'000, 'x'), by);
        return {};
    }
    void help() {}
    void check() {}
};

// --- Files ------------------------------------------------------------------------------------------

/// The call reads what memory does not hold.
struct ReadColdFile {
    ReadColdFile() {
        put(scratch / "a", contents);
        file = grove::File::open(scratch / "a");
        make_cold(scratch / "a");
    }
    std::error_code run(Deadline by) { return read_one(file, by); }
    void help() {}
    void check() {
        file.seek(0);
        CHECK_FALSE(run(patience));
        CHECK_NOTHROW(file.close());
        CHECK(look(scratch / "a") == contents);
    }
    const std::string contents = noise(1 << 16);
    Scratch scratch;
    grove::File file;
};

/// The same by threads, and the system says at first that memory does not hold it.
struct ReadFileByThread : ReadColdFile {
    ReadFileByThread() { system.fail(Call::read_at, 1, EAGAIN); }
    FaultyOs system;
    OsScope scope{system};
};

struct Sync : ReadColdFile {
    Sync() { file = grove::File::open(scratch / "a", grove::OpenMode::read_write); }
    std::error_code run(Deadline) {
        std::error_code ec;
        if (file.write_at(0, bytes(contents), ec); !ec) file.sync(ec);
        return ec;
    }
};

struct ReplaceFile : ReadColdFile {
    std::error_code run(Deadline) {
        std::error_code ec;
        grove::write_file(scratch / "a", contents, ec);
        return ec;
    }
    void check() {
        CHECK(look(scratch / "a") == contents);
        CHECK(std::distance(std::filesystem::directory_iterator{scratch.path()}, {}) == 1);
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

#define SWEEP(Call)                                                                             \
    GROVE_TEST_REAL(#Call " may be interrupted at each of its waits, by a kill or a Timeout") { \
        sweep<Call>();                                                                          \
    }
#define SWEEP_AND_DEADLINE(Call)                                                   \
    SWEEP(Call)                                                                    \
    GROVE_TEST(#Call " ends at its deadline, and its object is of use after it") { \
        check_deadline<Call>();                                                    \
    }

TEST_SUITE_BEGIN("net/await_sweep");

SWEEP_AND_DEADLINE(ReadSocket)
SWEEP_AND_DEADLINE(WriteSocket)
SWEEP_AND_DEADLINE(ReadLine)
SWEEP_AND_DEADLINE(Connect)
SWEEP_AND_DEADLINE(Accept)
SWEEP_AND_DEADLINE(Receive)
SWEEP_AND_DEADLINE(SelectReadiness)
SWEEP(Resolve)
SWEEP(ShakeHands<true>)
SWEEP(ShakeHands<false>)
SWEEP_AND_DEADLINE(ReadTls)
SWEEP_AND_DEADLINE(WriteTls)
SWEEP(ShutDownTls)
SWEEP_AND_DEADLINE(ReadPipe)
SWEEP_AND_DEADLINE(WritePipe)
SWEEP_AND_DEADLINE(WaitForChild)
SWEEP(Communicate)
SWEEP(RunProcess)
SWEEP(ReadColdFile)
SWEEP(ReadFileByThread)
SWEEP(Sync)
SWEEP(ReplaceFile)
SWEEP(Stop)
SWEEP(ServeForever)
SWEEP(AsioTimer)
SWEEP(AsioRead)

TEST_SUITE_END();
