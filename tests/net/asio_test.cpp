#include <grove/core/greenlet.hpp>
#include <grove/io/asio.hpp>
#include <grove/net/asio.hpp>
#include <grove/net/socket.hpp>

#include "net/loopback.hpp"
#include "support/grove_test.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

#include <ostream>
#include <string>

using namespace grove::testing;
namespace asio = boost::asio;
using grove::net::Endpoint;
using grove::net::from_asio;
using grove::net::to_asio;

namespace {

template <class AsioEndpoint>
std::errc refusal_of(const Endpoint& endpoint) {
    try {
        (void)to_asio<AsioEndpoint>(endpoint);
    } catch (const std::system_error& error) {
        CHECK(std::string_view{error.what()}.find(endpoint.to_string()) != std::string_view::npos);
        return static_cast<std::errc>(error.code().value());
    }
    return {};
}

}  // namespace

TEST_SUITE_BEGIN("net/asio");

TEST_CASE_TEMPLATE("an IP endpoint goes to Asio and comes back",
                   To,
                   asio::ip::tcp::endpoint,
                   asio::ip::udp::endpoint) {
    for (const char* const text : {"127.0.0.1:80", "[::1]:65535", "[fe80::1%7]:1", ":0"}) {
        const Endpoint ours = Endpoint::parse(text);
        const auto theirs = to_asio<To>(ours);
        CHECK(theirs.port() == ours.port());
        CHECK(theirs.address().is_v6() == ours.ip().is_v6());
        CHECK(from_asio(theirs) == ours);
    }
    CHECK(to_asio<To>(Endpoint::parse("10.1.2.3:4")).address().to_string() == "10.1.2.3");
}

TEST_CASE_TEMPLATE("so does a path, or an abstract name",
                   To,
                   asio::local::stream_protocol::endpoint,
                   asio::local::datagram_protocol::endpoint,
                   asio::generic::stream_protocol::endpoint) {
    for (const char* const text : {"unix:/run/app.sock", "unix:@name", "unix:/a"}) {
        const Endpoint ours = Endpoint::parse(text);
        CHECK(from_asio(to_asio<To>(ours)) == ours);
    }
    CHECK(to_asio<asio::local::stream_protocol::endpoint>(Endpoint::parse("unix:/run/app.sock")).path() ==
          "/run/app.sock");
}

TEST_CASE("what does not fit is refused, and named") {
    using Path = asio::local::stream_protocol::endpoint;
    using Tcp = asio::ip::tcp::endpoint;
    CHECK(refusal_of<Tcp>(Endpoint::parse("unix:@a")) == std::errc::address_family_not_supported);
    CHECK(refusal_of<Tcp>(Endpoint::parse("unix:/run/a/longer/path")) ==
          std::errc::address_family_not_supported);
    CHECK(refusal_of<Path>(Endpoint::parse("127.0.0.1:80")) == std::errc::address_family_not_supported);
    CHECK(refusal_of<Path>(Endpoint::unix_path(std::string(108, 'x'))) == std::errc::filename_too_long);
}

GROVE_TEST_REAL("Asio's socket connects to grove's listener, and both name the same ends") {
    auto listener = grove::net::Listener::bind(any_port);
    asio::ip::tcp::socket socket{grove::asio_context()};
    socket.async_connect(to_asio<asio::ip::tcp::endpoint>(listener.local()), grove::use_greenlet);
    auto accepted = listener.accept(patience);
    CHECK(from_asio(socket.local_endpoint()) == accepted.peer());
    CHECK(from_asio(socket.remote_endpoint()) == accepted.local());
    asio::async_write(socket, asio::buffer(std::string{"hello"}), grove::use_greenlet);
    CHECK(read_piece(accepted) == "hello");
}

TEST_SUITE_END();
