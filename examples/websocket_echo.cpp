// websocket_echo [--port P]: sends back each message. Boost.Beast's synchronous half blocks just a greenlet.
#include <grove/core/runtime.hpp>
#include <grove/io/asio.hpp>
#include <grove/net/server.hpp>

#include "program.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <utility>

namespace websocket = boost::beast::websocket;
using namespace std::chrono_literals;

namespace {

void echo(grove::net::Socket socket, const grove::net::Endpoint& peer) {
    websocket::stream<grove::AsioStream<grove::net::Socket>> stream{std::move(socket)};
    stream.next_layer().expires_after(60s);
    stream.read_message_max(1 << 20);
    boost::system::error_code ec;
    stream.accept(ec);
    boost::beast::flat_buffer message;
    while (!ec) {
        stream.read(message, ec);
        if (ec) break;
        stream.text(stream.got_text());
        stream.write(message.data(), ec);
        message.clear();
    }
    if (ec != websocket::error::closed) std::cerr << peer.to_string() << ": " << ec.message() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Sends back each WebSocket message.", "websocket_echo"};
    std::uint16_t port = 8080;
    add_port(app, port);

    return run_program(app, argc, argv, [&] {
        grove::net::StreamServer server{{grove::net::IpAddress::loopback(), port}, echo};
        announce(server.endpoint());
        server.serve_forever();
    });
}
