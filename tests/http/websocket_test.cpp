#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/http/websocket.hpp>
#include <grove/io/stream.hpp>
#include <grove/sync/event.hpp>
#include <grove/sync/group.hpp>

#include "http/wire.hpp"
#include "support/grove_test.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

using namespace std::chrono_literals;
using namespace std::string_literals;
using grove::http::Request;
using grove::http::ResponseWriter;
using grove::http::WebSocket;
using grove::http::WebSocketOptions;
using grove::testing::patience;
using grove::testing::TestServer;

namespace {

using Talk = std::function<void(WebSocket&)>;

/// A server that does that with each WebSocket.
struct Talking {
    explicit Talking(const Talk& talk, const WebSocketOptions& options = {})
        : server{[talk, options](Request& request, ResponseWriter& response) {
              auto socket = WebSocket::accept(request, response, options);
              talk(socket);
          }} {}

    WebSocket connect(const WebSocketOptions& options = {}) {
        return WebSocket::connect(
            grove::net::Socket::connect(server.server.endpoint(), patience), "a", "/", options, patience);
    }
    /// Bytes of one's own after a good opening.
    grove::testing::Wire connect_raw() {
        auto wire = server.connect();
        wire.send(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        const auto head = wire.read_through("\r\n\r\n");
        CHECK(head.starts_with("HTTP/1.1 101 "));
        CHECK(head.find("Beast") ==
              head.npos);  // which has had holes of its own: its version is nobody's business
        return wire;
    }

    TestServer server;
};

void echo(WebSocket& socket) {
    while (auto message = socket.receive(patience)) {
        if (message->is_text) {
            socket.send(message->data);
        } else {
            socket.send_binary(std::as_bytes(std::span{message->data}));
        }
    }
}

/// A client's frame, masked with nothing.
std::string frame(unsigned char first, std::string_view payload) {
    return std::string{static_cast<char>(first), static_cast<char>(0x80 | payload.size()), 0, 0, 0, 0} +
           std::string{payload};
}

}  // namespace

TEST_SUITE_BEGIN("http/websocket");

GROVE_TEST_REAL("messages go there and back, text and binary, small and large, plain and compressed") {
    for (const bool compression : {false, true}) {
        CAPTURE(compression);
        const WebSocketOptions options{.max_message_bytes = 4 << 20, .compression = compression};
        Talking server{echo, options};
        auto socket = server.connect(options);
        for (const std::size_t size : {0, 1, 125, 126, 65535, 65536, 3'000'000}) {
            std::string text(size, 'x');
            for (std::size_t i = 0; i < size; i += 3) text[i] = static_cast<char>('a' + i % 25);
            auto sender = grove::spawn([&] { socket.send(text); });
            const auto back = socket.receive(patience);
            sender.join();
            REQUIRE(back);
            CHECK((back->data == text));
            CHECK(back->is_text);
        }
        socket.send_binary(std::as_bytes(std::span{"\xff\x00\xfe", 3}));
        const auto back = socket.receive(patience);
        REQUIRE(back);
        CHECK(back->data == std::string("\xff\x00\xfe", 3));
        CHECK_FALSE(back->is_text);
        socket.close();
        CHECK(socket.close_code() == 1000);
    }
}

GROVE_TEST_REAL("what is no WebSocket's opening is 426, and the handler goes no further") {
    bool reached = false;
    Talking server{[&](WebSocket&) { reached = true; }};
    const auto response = server.server.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(response.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
    CHECK(response.find("\r\nSec-WebSocket-Version: 13\r\n") != std::string::npos);
    const auto old = server.server.ask(
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    CHECK(old.find(" 426 Upgrade Required\r\n") != std::string::npos);
    for (const auto fields : {"13\r\nSec-WebSocket-Key: x",
                              "13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=",
                              "13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==dGhl",
                              "13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25j*Q==",
                              "12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                              "13, 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}) {
        const auto odd = server.server.ask(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: "
            "websocket\r\nSec-WebSocket-Version: " +
            std::string{fields} + "\r\n\r\n");
        CHECK_MESSAGE(odd.starts_with("HTTP/1.1 426 "), fields);
    }
    CHECK_FALSE(reached);
}

GROVE_TEST_REAL("a message that came right behind the opening is not lost") {
    Talking server{echo};
    auto wire = server.server.connect();
    wire.send(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
        frame(0x81, "hello"));
    const auto head = wire.read_through("\r\n\r\n");
    CHECK(head.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != std::string::npos);
    CHECK(wire.read_through("hello") == "\x81\x05hello");
}

GROVE_TEST_REAL("a subprotocol is agreed on, and the handler's headers go along") {
    TestServer server{[](Request& request, ResponseWriter& response) {
        response.headers.set("Set-Cookie", "a=b");
        auto socket = WebSocket::accept(request, response, {.protocols = {"chat.v2", "chat.v1"}});
        socket.send(socket.protocol());
    }};
    auto socket = WebSocket::connect(grove::net::Socket::connect(server.server.endpoint(), patience),
                                     "a",
                                     "/",
                                     {.protocols = {"chat.v1", "chat.v2"}},
                                     patience);
    CHECK(socket.protocol() == "chat.v2");
    CHECK(socket.receive(patience)->data == "chat.v2");
}

GROVE_TEST_REAL("a subprotocol that was not offered is refused") {
    TestServer server{[](Request& request, ResponseWriter& response) {
        response.headers.set("Sec-WebSocket-Protocol", "chat.v9");
        (void)WebSocket::accept(request, response).receive();
    }};
    try {
        auto socket = WebSocket::connect(grove::net::Socket::connect(server.server.endpoint(), patience),
                                         "a",
                                         "/",
                                         {.protocols = {"chat.v1"}},
                                         patience);
        FAIL("connected");
    } catch (const std::system_error& e) {
        CHECK(e.code() == grove::Errc::bad_message);
    }
}

GROVE_TEST_REAL("closing says why, to both sides") {
    std::uint16_t code = 0;
    std::string reason;
    bool ended = false;
    Talking server{[&](WebSocket& socket) {
        ended = !socket.receive(patience);
        code = socket.close_code();
        reason = socket.close_reason();
        CHECK_FALSE(socket.receive());  // and so it stays
    }};
    auto socket = server.connect();
    socket.close(4001, "enough");
    CHECK(ended);
    CHECK(code == 4001);
    CHECK(reason == "enough");
    std::error_code ec;
    socket.send("more", ec);
    CHECK(ec);
}

GROVE_TEST_REAL("a code that must not be on the wire is not sent") {
    Talking server{&echo};
    auto socket = server.connect();
    for (const int code : {0, 999, 1004, 1005, 1006, 1014, 1015, 2999, 5000})
        CHECK_THROWS_AS(socket.close(static_cast<std::uint16_t>(code)), std::invalid_argument);
    socket.send("still there");
    CHECK(socket.receive(patience)->data == "still there");
    socket.close(3000);
}

GROVE_TEST_REAL("close() while another greenlet receives makes that one return") {
    Talking server{echo};
    auto socket = server.connect();
    bool ended = false;
    auto reader = grove::spawn([&] { ended = !socket.receive(patience); });
    grove::yield();
    socket.close(1001, "going");
    reader.join();
    CHECK(ended);
}

GROVE_TEST_REAL("too long a message ends the connection with 1009, whatever it would inflate to") {
    for (const bool compression : {false, true}) {
        std::error_code ec;
        Talking server{[&](WebSocket& socket) { (void)socket.receive(ec, patience); },
                       {.max_message_bytes = 1000, .compression = compression}};
        auto socket = server.connect({.compression = compression});
        socket.send(std::string(100'000, 'x'));
        CHECK_FALSE(socket.receive(patience));
        CHECK(socket.close_code() == 1009);
        CHECK(ec == std::errc::message_size);
    }
}

GROVE_TEST_REAL("broken frames end the connection, and say so") {
    for (const auto& bytes : {frame(0xf1, "x"),         // reserved bits
                              frame(0x83, "x"),         // no such opcode
                              "\x81\x01x"s,             // not masked
                              frame(0x80, "x"),         // goes on with nothing
                              frame(0x09, "x"),         // a ping in pieces
                              frame(0x81, "\xff\xff"),  // no UTF-8
                              frame(0x88, "\x03"s)}) {  // half a code
        std::error_code ec;
        Talking server{[&](WebSocket& socket) { (void)socket.receive(ec, patience); }};
        auto wire = server.connect_raw();
        wire.send(bytes);
        wire.socket.shutdown(grove::net::Side::write);
        const std::string end = wire.read_to_end();
        CHECK(end.starts_with("\x88"));
        CHECK(ec == grove::Errc::bad_message);
    }
}

GROVE_TEST_REAL("a client that leaves without a word is Errc::eof") {
    std::error_code ec;
    Talking server{[&](WebSocket& socket) { (void)socket.receive(ec, patience); }};
    { auto wire = server.connect_raw(); }
    while (server.server.server.connections() > 0) grove::yield();
    CHECK(ec == grove::Errc::eof);
}

GROVE_TEST("a deadline that passes in silence leaves the connection as it is") {
    Talking server{[](WebSocket& socket) {
        std::error_code ec;
        for (int i = 0; i < 3; ++i) {
            CHECK_FALSE(socket.receive(ec, 1s));
            CHECK(ec == std::errc::timed_out);
        }
        CHECK_FALSE(grove::try_with_timeout(1s, [&] { (void)socket.receive(); }));
        socket.send("ready");
        CHECK(socket.receive(10s)->data == "hello");
    }};
    auto wire = server.connect_raw();
    CHECK(wire.read_through("ready") == "\x81\x05ready");
    const std::string hello = frame(0x81, "hello");
    wire.send(hello.substr(0, 7));
    grove::sleep(1s);
    wire.send(hello.substr(7));
    wire.send(frame(0x88, "\x03\xe8"));
    wire.read_to_end();
}

GROVE_TEST("silence is asked for a sign of life, and given up on when there is none") {
    std::error_code ec;
    Talking server{[&](WebSocket& socket) { (void)socket.receive(ec); }, {.ping_interval = 10s}};
    auto wire = server.connect_raw();
    const auto start = grove::now();
    CHECK(wire.read_through(std::string{"\x89\x00", 2}) == std::string{"\x89\x00", 2});
    wire.send(frame(0x8a, ""));  // a pong
    CHECK(wire.read_through(std::string{"\x89\x00", 2}) == std::string{"\x89\x00", 2});
    wire.read_to_end();
    CHECK(ec == std::errc::timed_out);
    CHECK(grove::now() - start >= 29s);
    CHECK(grove::now() - start < 45s);
}

GROVE_TEST_REAL("pings are answered between the frames of others, never within them") {
    Talking server{[](WebSocket& socket) {
        grove::Group writers;
        for (int i = 0; i < 4; ++i) {
            writers.spawn([&, i] { socket.send(std::string(300'000, static_cast<char>('a' + i))); });
        }
        while (socket.receive(patience)) {
        }
        writers.join();
    }};
    auto socket = server.connect();
    for (int i = 0; i < 20; ++i) socket.ping("ping");
    std::string seen;
    for (int i = 0; i < 4; ++i) {
        const auto message = socket.receive(patience);
        REQUIRE(message);
        CHECK(message->data == std::string(300'000, message->data.at(0)));
        seen += message->data.at(0);
    }
    CHECK(seen.size() == 4);
    socket.close();
}

GROVE_TEST("a message that a slow reader does not take is given up, and the connection with it") {
    std::error_code ec;
    std::error_code after;
    Talking server{[&](WebSocket& socket) {
                       while (!ec) socket.send(std::string(1 << 20, 'x'), ec);
                       socket.send("more", after);
                   },
                   {.send_timeout = 5s}};
    auto wire = server.connect_raw();
    while (server.server.server.connections() > 0) grove::sleep(1s);
    CHECK(ec == std::errc::timed_out);
    CHECK(after == std::errc::operation_canceled);
}

GROVE_TEST("what is received meanwhile gives a message that hardly leaves no more time") {
    std::error_code ec;
    auto took = 0s;
    Talking server{[&](WebSocket& socket) {
                       const auto receiver = grove::spawn([&] {
                           std::error_code ignored;
                           while (socket.receive(ignored)) {
                           }
                       });
                       const auto start = grove::now();
                       socket.send(std::string(32 << 20, 'x'), ec);
                       took = std::chrono::ceil<std::chrono::seconds>(grove::now() - start);
                       receiver.kill();
                       receiver.join();
                   },
                   {.send_timeout = 5s}};
    auto wire = server.connect_raw();
    std::string some(100'000, ' ');
    const std::string hello = frame(0x81, "hello");
    for (int i = 0; i < 20; ++i) {
        std::error_code ignored;
        wire.socket.write_some(std::as_bytes(std::span{hello}), ignored);
        wire.socket.read_some(std::as_writable_bytes(std::span{some}), ignored, 0ms);
        grove::sleep(1s);
    }
    CHECK(ec == std::errc::timed_out);
    CHECK(took <= 6s);
}

/// A peer that sends without end, and takes what it is sent.
struct Flood {
    Flood(grove::testing::Wire& wire, const std::string& frames) {
        greenlets.spawn([&wire, frames] {
            std::error_code ec;
            while (!ec) grove::write(wire.socket, std::as_bytes(std::span{frames}), ec);
        });
        greenlets.spawn([&wire] {
            std::array<std::byte, 65536> some;
            std::error_code ec;
            while (wire.socket.read_some(some, ec) > 0) {
            }
        });
    }
    ~Flood() { greenlets.kill(); }
    Flood(const Flood&) = delete;
    Flood& operator=(const Flood&) = delete;

    grove::Group greenlets;
};

GROVE_TEST_REAL("neither pings nor empty frames without end keep a receiver behind its deadline") {
    for (const auto& endless : {frame(0x89, "ping"), frame(0x00, "")}) {
        std::error_code ec;
        grove::Event over;
        Talking server{[&](WebSocket& socket) {
            (void)socket.receive(ec, 50ms);
            over.set();
        }};
        auto wire = server.connect_raw();
        wire.send(frame(0x01, ""));
        std::string frames;
        for (int i = 0; i < 1000; ++i) frames += endless;
        const Flood flood{wire, frames};
        CHECK(over.wait(patience));
        CHECK(ec == std::errc::timed_out);
    }
}

GROVE_TEST_REAL("close() does not wait longer for a peer that goes on sending") {
    std::error_code ec;
    grove::Event over;
    Talking server{[&](WebSocket& socket) {
                       socket.close(1000, "", ec);
                       over.set();
                   },
                   {.close_timeout = 50ms}};
    auto wire = server.connect_raw();
    const Flood flood{wire, frame(0x81, "hello")};
    CHECK(over.wait(patience));
    CHECK(ec == std::errc::timed_out);
}

GROVE_TEST_REAL("kills unwind a receiver and a sender") {
    Talking server{[](WebSocket& socket) { socket.receive(); }};
    {
        auto first = server.connect();
        auto reader = grove::spawn([&] { (void)first.receive(); });
        grove::yield();
        reader.kill();
        reader.join();
        CHECK(reader.killed());
        auto writer = grove::spawn([&] {
            for (;;) first.send(std::string(1 << 20, 'x'));
        });
        for (int i = 0; i < 10; ++i) grove::yield();
        writer.kill();
        writer.join();
        CHECK(writer.ready());
    }
    server.server.server.stop(0s);
}

TEST_SUITE_END();
