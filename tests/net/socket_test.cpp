#include <grove/core/greenlet.hpp>
#include <grove/core/timeout.hpp>
#include <grove/net/socket.hpp>

#include "core/scheduler.hpp"
#include "net/connect_race.hpp"
#include "net/loopback.hpp"
#include "net/resolver.hpp"
#include "net/sockaddr.hpp"
#include "support/faulty_os.hpp"
#include "support/grove_test.hpp"
#include "support/thrown.hpp"

#include <sys/socket.h>

#include <chrono>
#include <csignal>
#include <ostream>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::spawn;
using grove::net::Endpoint;
using grove::net::IpAddress;
using grove::net::Listener;
using grove::net::Side;
using grove::net::Socket;

namespace {

/// A port on which nobody listens: nobody can, for it is held by a socket that does not listen.
class DeadPort {
public:
    DeadPort() : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        std::error_code ec;
        const grove::detail::SocketAddress address{any_port, ec};
        REQUIRE(::bind(fd_, address.get(), address.size()) == 0);
        grove::detail::SocketAddress bound;
        REQUIRE(::getsockname(fd_, bound.get(), bound.size_to_fill()) == 0);
        endpoint_ = bound.endpoint();
    }
    DeadPort(const DeadPort&) = delete;
    DeadPort& operator=(const DeadPort&) = delete;
    ~DeadPort() { ::close(fd_); }

    [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

private:
    int fd_;
    Endpoint endpoint_;
};

/// A listener that answers no more: its backlog is full. Connecting to it takes for ever.
struct Mute {
    Mute() {
        std::error_code ec;
        while (!ec) waiting.push_back(Socket::connect(listener.local(), ec, 50ms));
    }
    Listener listener = Listener::bind(any_port, {.backlog = 0});
    std::vector<Socket> waiting{};
};

}  // namespace

TEST_SUITE_BEGIN("net/socket");

// --- Connecting -----------------------------------------------------------------------------------

GROVE_TEST_REAL("two ends of a connection know each other") {
    auto [client, server] = tcp_pair();
    CHECK(client.peer() == server.local());
    CHECK(server.peer() == client.local());
    CHECK(client);
    CHECK(client.native_handle() >= 0);
}

GROVE_TEST_REAL("bytes go both ways, and the end is seen") {
    auto [client, server] = tcp_pair();
    grove::write(client, "request");
    CHECK(read_piece(server) == "request");
    grove::write(server, "answer");
    server.shutdown(Side::write);
    CHECK(read_piece(client) == "answer");
    CHECK(read_piece(client).empty());
    CHECK(read_piece(client).empty());  // and again
    grove::write(client, "the other half lives");
    CHECK(read_piece(server) == "the other half lives");
}

GROVE_TEST_REAL("a refused connection names the operation and the peer") {
    const DeadPort port;
    const auto what = error_of([&] { (void)Socket::connect(port.endpoint(), patience); });
    CHECK(what == "connect " + port.endpoint().to_string() + ": Connection refused");

    std::error_code ec;
    const Socket socket = Socket::connect(port.endpoint(), ec, patience);
    CHECK(ec == std::errc::connection_refused);
    CHECK_FALSE(socket);
}

GROVE_TEST_REAL("an unreachable host is told as it is") {
    FaultyOs system;
    system.fail(Call::connect, 1, ENETUNREACH);
    system.fail(Call::connect, 2, EHOSTUNREACH);
    const OsScope scope{system};
    std::error_code ec;
    (void)Socket::connect(Endpoint::parse("192.0.2.1:80"), ec, patience);
    CHECK(ec == std::errc::network_unreachable);
    (void)Socket::connect(Endpoint::parse("192.0.2.1:80"), ec, patience);
    CHECK(ec == std::errc::host_unreachable);
}

GROVE_TEST_REAL("connecting to who does not answer ends at the deadline") {
    Mute mute;
    std::error_code ec;
    (void)Socket::connect(mute.listener.local(), ec, 20ms);
    CHECK(ec == std::errc::timed_out);
    (void)Socket::connect(mute.listener.local(), ec, 0ms);
    CHECK(ec == std::errc::timed_out);
}

GROVE_TEST_REAL("connecting can be killed, and timed out") {
    Mute mute;
    auto connecting = spawn([&] { (void)Socket::connect(mute.listener.local()); });
    settle();
    connecting.kill();
    connecting.join();
    CHECK(connecting.killed());
    const bool in_time = grove::try_with_timeout(20ms, [&] { (void)Socket::connect(mute.listener.local()); });
    CHECK_FALSE(in_time);
}

GROVE_TEST_REAL("connecting survives signals") {
    auto listener = Listener::bind(any_port);
    FaultyOs system;
    system.fail(Call::connect, 1, EINTR, 2);
    const OsScope scope{system};
    const Socket socket = Socket::connect(listener.local(), patience);
    CHECK(socket);
}

GROVE_TEST_REAL("without descriptors there is no connection, and nothing is left over") {
    auto listener = Listener::bind(any_port);
    FaultyOs system;
    system.fail(Call::socket, 1, EMFILE);
    system.fail(Call::set_option, 1, ENOBUFS);
    const OsScope scope{system};
    std::error_code ec;
    (void)Socket::connect(listener.local(), ec, patience);
    CHECK(ec == std::errc::too_many_files_open);
    (void)Socket::connect(listener.local(), ec, patience);
    CHECK(ec == std::errc::no_buffer_space);
}

// --- By name --------------------------------------------------------------------------------------

namespace {

grove::detail::Resolved dead_then_alive(const std::string&) {
    // ::1 first, where nobody listens; then the one that does.
    return {.addresses = {IpAddress::parse("::1"), IpAddress::loopback()}, .ec = {}};
}

grove::detail::Resolved silent_then_alive(const std::string&) {
    return {.addresses = {IpAddress::parse("127.0.0.2"), IpAddress::loopback()}, .ec = {}};
}

void use_answer(grove::detail::Resolver::LookUp answer) {
    grove::detail::Scheduler::here()->service<grove::detail::Resolver>().set_look_up(answer);
}

}  // namespace

GROVE_TEST_REAL("connect by name tries each address in turn") {
    auto listener = Listener::bind(any_port);
    use_answer(&dead_then_alive);
    const Socket socket = Socket::connect("two.example", listener.local().port(), patience);
    CHECK(socket.peer() == listener.local());
}

GROVE_TEST_REAL("an address that does not answer holds up the next for a moment only") {
    // A listener whose backlog is full drops the next attempt silently.
    auto silent = Listener::bind(Endpoint::parse("127.0.0.2:0"), {.backlog = 0});
    const std::uint16_t port = silent.local().port();
    std::vector<Socket> filling;
    for (std::error_code ec; !ec;) filling.push_back(Socket::connect(silent.local(), ec, 100ms));
    auto alive = Listener::bind({IpAddress::loopback(), port});
    use_answer(&silent_then_alive);
    const auto start = grove::Clock::now();
    const Socket socket = Socket::connect("two.example", port, patience);
    CHECK(socket.peer() == alive.local());
    CHECK(grove::Clock::now() - start >= 250ms);
    CHECK(grove::Clock::now() - start < patience / 2);  // which would be its share

    // The time limit is that of the whole.
    alive.close();
    std::error_code ec;
    (void)Socket::connect("two.example", port, ec, 100ms);
    CHECK(ec == std::errc::timed_out);
}

TEST_CASE("the addresses of a host are tried by family alternately") {
    const auto parse = [](std::initializer_list<const char*> texts) {
        std::vector<IpAddress> addresses;
        for (const auto* text : texts) addresses.push_back(IpAddress::parse(text));
        return addresses;
    };
    CHECK(grove::detail::ConnectRace::interleaved(parse({"::1", "::2", "::3", "1.1.1.1", "2.2.2.2"})) ==
          parse({"::1", "1.1.1.1", "::2", "2.2.2.2", "::3"}));
    CHECK(grove::detail::ConnectRace::interleaved(parse({"1.1.1.1"})) == parse({"1.1.1.1"}));
}

GROVE_TEST_REAL("connect by name fails as its last address does, and names the host") {
    const DeadPort port;
    const auto name = "127.0.0.1";
    const auto what = error_of([&] { (void)Socket::connect(name, port.endpoint().port(), patience); });
    CHECK(what == "connect " + port.endpoint().to_string() + ": Connection refused");
}

// --- Reading and writing --------------------------------------------------------------------------

GROVE_TEST_REAL("reading into nothing and writing nothing returns at once") {
    auto [client, server] = tcp_pair();
    std::error_code ec = Errc::eof;
    CHECK(client.read_some({}, ec) == 0);
    CHECK_FALSE(ec);
    CHECK(client.write_some(std::span<const std::byte>{}, ec) == 0);
    CHECK_FALSE(ec);
}

GROVE_TEST_REAL("pieces are written in order, as one") {
    auto [client, server] = tcp_pair();
    const std::array pieces{bytes("one "), bytes(""), bytes("two "), bytes("three")};
    CHECK(client.write_some(pieces) == 13);
    CHECK(read_piece(server) == "one two three");

    const std::vector<std::span<const std::byte>> many(100, bytes("x"));
    std::error_code ec;
    CHECK(client.write_some(many, ec) >= 1);
    CHECK(client.write_some(std::span<const std::span<const std::byte>>{}, ec) == 0);
    CHECK_FALSE(ec);
}

GROVE_TEST_REAL("a large transfer arrives whole, however it was cut") {
    auto [client, server] = tcp_pair();
    std::string sent(8 << 20, ' ');
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 2654435761U >> 13);
    auto writer = spawn([&, &to = client] {
        grove::write(to, sent, patience);
        to.shutdown(Side::write);
    });
    std::string got(sent.size(), ' ');
    grove::read(server, std::as_writable_bytes(std::span{got}), patience);
    writer.join();
    CHECK(got == sent);
    CHECK(read_piece(server).empty());
}

GROVE_TEST_REAL("a peer that breaks off in the middle is ECONNRESET") {
    auto [client, server] = tcp_pair();
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(client.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    auto reader = spawn([&socket = server] {
        std::error_code ec;
        (void)read_piece(socket, ec);
        return ec;
    });
    settle();
    client.close();
    CHECK(reader.get() == std::errc::connection_reset);
}

GROVE_TEST_REAL("writing to who is gone is EPIPE, and no signal") {
    auto [client, server] = tcp_pair();
    const auto peer = client.peer().to_string();
    server.close();
    std::error_code ec;
    while (!ec) grove::write(client, "anybody there?", ec);
    CHECK((ec == std::errc::broken_pipe || ec == std::errc::connection_reset));
    const auto what = error_of([&, &socket = client] { grove::write(socket, "?"); });
    CHECK(what == "write " + peer + ": Broken pipe");
}

GROVE_TEST_REAL("shutdown wakes who waits on that side") {
    auto [client, server] = tcp_pair();
    auto reader = spawn([&socket = client] { return read_piece(socket); });
    settle();
    client.shutdown(Side::read);
    CHECK(reader.get().empty());
}

// --- The end --------------------------------------------------------------------------------------

GROVE_TEST_REAL("a closed socket says so to each call") {
    auto [client, server] = tcp_pair();
    client.close();
    client.close();
    CHECK_FALSE(client);
    CHECK(client.native_handle() == -1);
    std::error_code ec;
    (void)read_piece(client, ec);
    CHECK(ec == Errc::closed);
    client.write_some(bytes("x"), ec);
    CHECK(ec == Errc::closed);
    client.shutdown(Side::both, ec);
    CHECK(ec == Errc::closed);
    CHECK(error_of([&, &socket = client] { (void)socket.peer(); }).starts_with("peer: "));
    CHECK(error_of([&, &socket = client] { (void)socket.local(); }).starts_with("local: "));
}

GROVE_TEST_REAL("a socket moves, also while a greenlet waits for it") {
    auto [client, server] = tcp_pair();
    auto reader = spawn([&socket = server] { return read_piece(socket); });
    settle();
    Socket moved{std::move(server)};
    grove::write(client, "found");
    CHECK(reader.get() == "found");
    CHECK(moved);
    CHECK_FALSE(server);
}

GROVE_TEST_REAL("a released descriptor lives on, and can be adopted") {
    auto [client, server] = tcp_pair();
    std::error_code ec;
    (void)read_piece(server, ec, 1ms);  // it is watched
    const Endpoint peer = server.peer();
    const int fd = server.release();
    CHECK(fd >= 0);
    CHECK_FALSE(server);

    Socket adopted = Socket::adopt(fd);
    CHECK(adopted.peer() == peer);
    auto reader = spawn([&] { return read_piece(adopted); });
    settle();
    grove::write(client, "still connected");
    CHECK(reader.get() == "still connected");
}

GROVE_TEST_REAL("what cannot be adopted is an error") {
    CHECK(error_of([] { (void)Socket::adopt(-1); }) != "");
}

// --- Unix -----------------------------------------------------------------------------------------

GROVE_TEST_REAL("a pair needs no name") {
    auto [left, right] = Socket::pair();
    CHECK(left.peer().is_unix());
    CHECK(left.peer().path().empty());
    left.set_no_delay(false);  // nothing to do
    right.close();
    std::error_code ec;
    const auto what = error_of([&, &socket = left] { grove::write(socket, "x"); });
    CHECK(what == "write unix: Broken pipe");
}

GROVE_TEST_REAL("who connects to a Unix listener with a full backlog waits for room") {
    auto listener = Listener::bind(Endpoint::parse("unix:@grove-test-full-backlog"), {.backlog = 0});
    auto first = Socket::connect(listener.local(), patience);
    std::error_code ec;
    (void)Socket::connect(listener.local(), ec, 20ms);
    CHECK(ec == std::errc::timed_out);
    auto second = spawn([&] { return Socket::connect(listener.local(), patience).peer(); });
    settle();
    (void)listener.accept(patience);
    CHECK(second.get() == listener.local());
}

TEST_SUITE_END();
