#include <grove/core/greenlet.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/socket.hpp>
#include <grove/net/udp_socket.hpp>

#include "net/loopback.hpp"
#include "support/grove_test.hpp"
#include "support/thrown.hpp"

#include <doctest/doctest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <string>
#include <system_error>
#include <unistd.h>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::spawn;
using grove::net::Endpoint;
using grove::net::IpAddress;
using grove::net::KeepAlive;
using grove::net::Listener;
using grove::net::Socket;
using grove::net::UdpSocket;

TEST_SUITE_BEGIN("net/socket_options");

GROVE_TEST_REAL("the options of a connection reach the system") {
    auto [client, server] = tcp_pair();
    CHECK(client.option(IPPROTO_TCP, TCP_NODELAY) == 1);
    client.set_no_delay(false);
    CHECK(client.option(IPPROTO_TCP, TCP_NODELAY) == 0);

    client.set_keep_alive(KeepAlive{.idle = 7s, .interval = 3s, .probes = 2});
    CHECK(client.option(SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(client.option(IPPROTO_TCP, TCP_KEEPIDLE) == 7);
    CHECK(client.option(IPPROTO_TCP, TCP_KEEPINTVL) == 3);
    CHECK(client.option(IPPROTO_TCP, TCP_KEEPCNT) == 2);
    client.set_keep_alive(std::nullopt);
    CHECK(client.option(SOL_SOCKET, SO_KEEPALIVE) == 0);

    const int before = client.option(SOL_SOCKET, SO_RCVBUF);
    client.set_receive_buffer(8192);
    client.set_send_buffer(8192);
    CHECK(client.option(SOL_SOCKET, SO_RCVBUF) < before);
    client.set_option(SOL_SOCKET, SO_PRIORITY, 3);
    CHECK(client.option(SOL_SOCKET, SO_PRIORITY) == 3);
}

GROVE_TEST_REAL("a failure names the option, and a closed socket is Errc::closed") {
    auto [client, server] = tcp_pair();
    CHECK(code_of([&client = client] { client.set_option(SOL_SOCKET, 12345, 1); }) ==
          std::errc::no_protocol_option);
    auto [left, right] = Socket::pair();
    CHECK(code_of([&left = left] { left.set_keep_alive(KeepAlive{}); }) ==
          std::errc::operation_not_supported);
    client.close();
    CHECK(code_of([&client = client] { client.set_no_delay(true); }) == Errc::closed);
    CHECK(code_of([&client = client] { (void)client.option(SOL_SOCKET, SO_TYPE); }) == Errc::closed);
}

GROVE_TEST_REAL("closing with a reset") {
    auto [client, server] = tcp_pair();
    client.set_reset_on_close(true);
    client.close();
    std::array<std::byte, 8> buffer{};
    std::error_code ec;
    (void)server.read_some(buffer, ec, patience);
    CHECK(ec == std::errc::connection_reset);
}

GROVE_TEST_REAL("a listener on :: takes IPv4 as well, unless it is told not to") {
    std::error_code ec;
    auto both = Listener::bind(Endpoint::parse("[::]:0"), ec);
    if (ec) return;  // no IPv6 here
    const auto at = [](const Listener& listener) {
        return Endpoint{IpAddress::loopback(), listener.local().port()};
    };
    CHECK(Socket::connect(at(both), patience));
    auto one = Listener::bind(Endpoint::parse("[::]:0"), {.v6_only = true});
    CHECK(code_of([&] { (void)Socket::connect(at(one), patience); }) == std::errc::connection_refused);
}

// --- Descriptors ----------------------------------------------------------------------------------

GROVE_TEST_REAL("a descriptor goes through a Unix socket") {
    auto [left, right] = Socket::pair();
    int fds[2];
    REQUIRE(::pipe(fds) == 0);
    auto receiving = spawn([&right = right] { return right.receive_descriptor(patience); });
    left.send_descriptor(fds[1], patience);
    ::close(fds[1]);
    const int received = receiving.get();
    CHECK((::fcntl(received, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(::write(received, "x", 1) == 1);
    char byte = 0;
    CHECK(::read(fds[0], &byte, 1) == 1);
    CHECK(byte == 'x');
    ::close(received);
    ::close(fds[0]);

    grove::write(left, "y");
    CHECK(code_of([&right = right] { (void)right.receive_descriptor(patience); }) == Errc::bad_message);
    CHECK(code_of([&left = left] { left.send_descriptor(-1, patience); }) == std::errc::bad_file_descriptor);
    left.close();
    CHECK(code_of([&right = right] { (void)right.receive_descriptor(patience); }) == Errc::eof);
    CHECK(code_of([&left = left] { left.send_descriptor(0, patience); }) == Errc::closed);
}

GROVE_TEST_REAL("of two descriptors that come at once, the second is not left behind") {
    auto [left, right] = Socket::pair();
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
    char byte = 0;
    iovec part{.iov_base = &byte, .iov_len = 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr& head = *CMSG_FIRSTHDR(&message);
    head.cmsg_level = SOL_SOCKET;
    head.cmsg_type = SCM_RIGHTS;
    head.cmsg_len = CMSG_LEN(2 * sizeof(int));
    const int both[] = {0, 0};
    std::memcpy(CMSG_DATA(&head), both, sizeof both);
    REQUIRE(::sendmsg(left.native_handle(), &message, 0) == 1);

    const int before = open_descriptors();
    ::close(right.receive_descriptor(patience));
    CHECK(open_descriptors() == before);
}

// --- Datagrams ------------------------------------------------------------------------------------

GROVE_TEST_REAL("a member of a multicast group receives what is sent to it, until it leaves") {
    const IpAddress group = IpAddress::parse("239.255.77.7");
    const unsigned loopback = ::if_nametoindex("lo");
    REQUIRE(loopback != 0);
    auto member = UdpSocket::bind(Endpoint::parse("0.0.0.0:0"));
    auto sender = UdpSocket::bind(any_port);
    member.join_group(group, loopback);
    sender.set_multicast_interface(loopback);
    sender.set_multicast_ttl(0);  // not beyond this machine
    sender.set_multicast_loop(true);
    const auto send = [&, to = Endpoint{group, member.local().port()}](const std::string& text) {
        sender.send_to(to, std::as_bytes(std::span{text}), patience);
    };
    send("to all");
    std::array<std::byte, 16> buffer{};
    CHECK(member.receive_from(buffer, patience).first == 6);

    member.leave_group(group, loopback);
    CHECK(code_of([&] { member.leave_group(group, loopback); }) == std::errc::address_not_available);
    send("to others");
    std::error_code ec;
    (void)member.receive_from(buffer, ec, 10ms);
    CHECK(ec == std::errc::timed_out);
}

GROVE_TEST_REAL("how far multicasts go is told to the family of the socket") {
    struct Family {
        const char* any;
        int level, hops, loop;
    };
    for (const auto& [any, level, hops, loop] :
         {Family{"0.0.0.0:0", IPPROTO_IP, IP_MULTICAST_TTL, IP_MULTICAST_LOOP},
          Family{"[::]:0", IPPROTO_IPV6, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP}}) {
        std::error_code ec;
        auto socket = UdpSocket::bind(Endpoint::parse(any), ec);
        if (ec == std::errc::address_family_not_supported) continue;  // no IPv6 here
        REQUIRE_FALSE(ec);
        socket.set_multicast_ttl(3);
        CHECK(socket.option(level, hops) == 3);
        socket.set_multicast_loop(false);
        CHECK(socket.option(level, loop) == 0);
        socket.set_multicast_interface(::if_nametoindex("lo"));
        socket.close();
        CHECK(code_of([&] { socket.set_multicast_ttl(1); }) == Errc::closed);
    }
}

GROVE_TEST_REAL("broadcasts have to be allowed") {
    auto socket = UdpSocket::bind(any_port);
    CHECK(socket.option(SOL_SOCKET, SO_BROADCAST) == 0);
    socket.set_broadcast(true);
    CHECK(socket.option(SOL_SOCKET, SO_BROADCAST) == 1);
    socket.close();
    CHECK(code_of([&] { socket.set_broadcast(false); }) == Errc::closed);
}

TEST_SUITE_END();
