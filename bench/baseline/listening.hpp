#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>
#include <unistd.h>

// What the hello servers of this folder share: they listen on `--port P` and give this one answer.

constexpr std::string_view hello =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

constexpr std::string_view last_hello =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\nConnection: close\r\n\r\nHello, "
    "World!";

/// Counts the blank lines that end requests without a body, wherever the reads were cut.
class RequestCounter {
public:
    std::size_t count(std::string_view bytes) noexcept {
        std::size_t requests = 0;
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            if (matched_ == 0 && (i = bytes.find(end[0], i)) == bytes.npos) break;
            if (bytes[i] == end[matched_]) {
                if (++matched_ < end.size()) continue;
                ++requests;
                matched_ = 0;
            } else {
                matched_ = bytes[i] == end[0] ? 1 : 0;
            }
        }
        return requests;
    }

private:
    static constexpr std::string_view end = "\r\n\r\n";
    std::size_t matched_ = 0;
};

[[noreturn]] inline void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

/// The port after "--port"; 0, which lets the system choose, without one.
inline std::uint16_t port_of(int argc, char** argv) {
    if (argc == 1) return 0;
    std::uint16_t port = 0;
    const std::string_view text = argc == 3 && std::string_view{argv[1]} == "--port" ? argv[2] : "";
    if (text.empty() || std::from_chars(text.data(), text.data() + text.size(), port).ec != std::errc{}) {
        std::fprintf(stderr, "usage: %s [--port P]\n", argv[0]);
        std::exit(2);
    }
    return port;
}

/// A listening socket on that port of loopback; says so on stdout. flags: as for socket().
inline int listen_on(std::uint16_t port, int flags) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (listener < 0) fail("socket");
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);

    sockaddr_in address{};
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const name = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener, name, size) < 0) fail("bind");
    if (listen(listener, 1024) < 0) fail("listen");
    if (getsockname(listener, name, &size) < 0) fail("getsockname");

    std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    return listener;
}
