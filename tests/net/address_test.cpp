#include <grove/net/address.hpp>

#include "net/sockaddr.hpp"
#include "support/thrown.hpp"

#include <doctest/doctest.h>

#include <ostream>
#include <string>

using grove::detail::SocketAddress;
using grove::net::Endpoint;
using grove::net::IpAddress;
using grove::testing::code_of;
using grove::testing::error_of;

namespace {

/// What parse() made of it, or "invalid".
std::string ip(std::string_view text) {
    std::error_code ec;
    const auto address = IpAddress::parse(text, ec);
    return ec ? "invalid" : address.to_string();
}

std::string endpoint(std::string_view text) {
    std::error_code ec;
    const auto parsed = Endpoint::parse(text, ec);
    return ec ? "invalid" : parsed.to_string();
}

Endpoint through_the_system(const Endpoint& endpoint) {
    std::error_code ec;
    const SocketAddress address{endpoint, ec};
    REQUIRE_FALSE(ec);
    return address.endpoint();
}

}  // namespace

TEST_SUITE_BEGIN("net/address");

// --- IpAddress ------------------------------------------------------------------------------------

TEST_CASE("addresses are constants") {
    static_assert(!IpAddress{}.is_v6());
    static_assert(IpAddress::loopback().is_loopback());
    static_assert(IpAddress::loopback() == IpAddress::v4({127, 0, 0, 1}));
    static_assert(IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}).is_loopback());
    static_assert(IpAddress::v4({1, 2, 3, 4}) < IpAddress::v4({1, 2, 3, 5}));
    static_assert(IpAddress::v4({255, 255, 255, 255}) < IpAddress::v6({}));
    CHECK(IpAddress{}.to_string() == "0.0.0.0");
}

TEST_CASE("an IPv4 address is four decimal numbers") {
    CHECK(ip("127.0.0.1") == "127.0.0.1");
    CHECK(ip("0.0.0.0") == "0.0.0.0");
    CHECK(ip("255.255.255.255") == "255.255.255.255");
    for (const auto* wrong : {"",
                              "1",
                              "1.2",
                              "1.2.3",
                              "1.2.3.4.5",
                              "1.2.3.256",
                              "1.2.3.-4",
                              "1.2.3.+4",
                              "1..3.4",
                              ".1.2.3.4",
                              "1.2.3.4.",
                              " 1.2.3.4",
                              "1.2.3.4 ",
                              "1.2.3.4x",
                              "0x1.2.3.4",
                              "1,2,3,4"}) {
        CHECK_MESSAGE(ip(wrong) == "invalid", wrong);
    }
}

TEST_CASE("a number with a leading zero is refused, for elsewhere it is octal") {
    CHECK(ip("010.0.0.1") == "invalid");
    CHECK(ip("1.2.3.00") == "invalid");
}

TEST_CASE("an IPv6 address comes back as RFC 5952 writes it") {
    CHECK(ip("::") == "::");
    CHECK(ip("::1") == "::1");
    CHECK(ip("1::") == "1::");
    CHECK(ip("2001:DB8::1") == "2001:db8::1");
    CHECK(ip("2001:0db8:0000:0000:0000:0000:0002:0001") == "2001:db8::2:1");
    CHECK(ip("2001:db8:0:1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");  // one zero stays
    CHECK(ip("2001:0:0:1:0:0:0:1") == "2001:0:0:1::1");           // the longest run
    CHECK(ip("2001:db8:0:0:1:0:0:1") == "2001:db8::1:0:0:1");     // of equal ones, the first
    CHECK(ip("1:2:3:4:5:6:7:8") == "1:2:3:4:5:6:7:8");
    CHECK(ip("1:2:3:4:5:6:7::") == "1:2:3:4:5:6:7:0");
    CHECK(ip("::ffff:192.0.2.1") == "::ffff:192.0.2.1");
    CHECK(ip("64:ff9b::192.0.2.33") == "64:ff9b::c000:221");
}

TEST_CASE("what only resembles an IPv6 address is refused") {
    for (const auto* wrong : {":",
                              ":::",
                              "1:2:3:4:5:6:7",
                              "1:2:3:4:5:6:7:8:9",
                              "1::2::3",
                              "1:2:3:4:5:6:7:8::",
                              ":1:2:3:4:5:6:7",
                              "1:2:3:4:5:6:7:",
                              "12345::",
                              "g::",
                              "::1.2.3",
                              "1.2.3.4::",
                              "::1.2.3.4:5",
                              "[::1]",
                              "::1%",
                              "127.0.0.1%1"}) {
        CHECK_MESSAGE(ip(wrong) == "invalid", wrong);
    }
}

TEST_CASE("a link-local address keeps its interface") {
    CHECK(ip("fe80::1%7") == "fe80::1%7");
    CHECK(IpAddress::parse("fe80::1%7").scope() == 7);
    CHECK(IpAddress::parse("fe80::1%lo").scope() == 1);
    CHECK(ip("fe80::1%no-such-interface") == "invalid");
    CHECK(IpAddress::parse("fe80::1%7") != IpAddress::parse("fe80::1%8"));
}

TEST_CASE("the error names what was given") {
    CHECK(code_of([] { (void)IpAddress::parse("localhost"); }) == std::errc::invalid_argument);
    CHECK(code_of([] { (void)Endpoint::parse("localhost:80"); }) == std::errc::invalid_argument);
    CHECK(error_of([] { (void)IpAddress::parse("localhost"); }) ==
          "\"localhost\" is not an IP address (such as 127.0.0.1 or ::1): Invalid argument");
    CHECK(error_of([] { (void)Endpoint::parse("localhost:80"); }) ==
          "\"localhost:80\" is not an endpoint (such as 127.0.0.1:80, [::1]:80, :80 or unix:/path): "
          "Invalid argument");
}

// --- Endpoint -------------------------------------------------------------------------------------

TEST_CASE("an endpoint is an address and a port, or a Unix path") {
    CHECK(endpoint("127.0.0.1:80") == "127.0.0.1:80");
    CHECK(endpoint("[::1]:80") == "[::1]:80");
    CHECK(endpoint(":80") == "0.0.0.0:80");
    CHECK(endpoint("1.2.3.4:0") == "1.2.3.4:0");
    CHECK(endpoint("1.2.3.4:65535") == "1.2.3.4:65535");
    CHECK(endpoint("unix:/run/app.sock") == "unix:/run/app.sock");
    CHECK(endpoint("unix:@name") == "unix:@name");

    const auto unix_endpoint = Endpoint::parse("unix:relative");
    CHECK(unix_endpoint.is_unix());
    CHECK(unix_endpoint.path() == "relative");
    CHECK(Endpoint::parse("[::1]:80").ip().is_v6());
    CHECK(Endpoint::parse("1.2.3.4:80").port() == 80);
}

TEST_CASE("what only resembles an endpoint is refused") {
    for (const auto* wrong : {"",
                              "80",
                              "1.2.3.4",
                              "1.2.3.4:",
                              "1.2.3.4:65536",
                              "1.2.3.4:-1",
                              "1.2.3.4: 80",
                              "::1:80",
                              "[1.2.3.4]:80",
                              "[]:80",
                              "[::1]",
                              "[::1]80",
                              "localhost:80",
                              "unix:",
                              "unix"}) {
        CHECK_MESSAGE(endpoint(wrong) == "invalid", wrong);
    }
}

TEST_CASE("endpoints compare by all they say") {
    CHECK(Endpoint::parse("1.2.3.4:80") == Endpoint{IpAddress::v4({1, 2, 3, 4}), 80});
    CHECK(Endpoint::parse("1.2.3.4:80") != Endpoint::parse("1.2.3.4:81"));
    CHECK(Endpoint::parse("unix:a") != Endpoint::parse("unix:b"));
    CHECK(Endpoint::unix_path("") != Endpoint{});
}

// --- The system's form ----------------------------------------------------------------------------

TEST_CASE("an endpoint survives the way through the system's form") {
    for (const auto* text :
         {"1.2.3.4:80", "[2001:db8::1]:443", "[fe80::1%3]:1", "unix:/run/app.sock", "unix:@name"}) {
        CHECK_MESSAGE(through_the_system(Endpoint::parse(text)) == Endpoint::parse(text), text);
    }
}

TEST_CASE("a Unix path has 107 bytes at most") {
    const Endpoint longest = Endpoint::unix_path(std::string(107, 'p'));
    CHECK(through_the_system(longest) == longest);

    std::error_code ec;
    const SocketAddress address{Endpoint::unix_path(std::string(108, 'p')), ec};
    CHECK(ec == std::errc::filename_too_long);
}

TEST_SUITE_END();
