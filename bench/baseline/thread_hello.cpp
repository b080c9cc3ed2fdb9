// A hello server as it was written before event loops: one thread per connection, blocking calls.
#include "listening.hpp"

#include <netinet/tcp.h>

#include <array>
#include <string>
#include <thread>

namespace {

bool send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

void serve(int fd) {
    std::array<char, 4096> buffer;
    RequestCounter requests;
    std::string answers;
    for (;;) {
        const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
        if (n <= 0) break;
        const std::size_t complete = requests.count({buffer.data(), static_cast<std::size_t>(n)});
        answers.clear();
        for (std::size_t i = 0; i < complete; ++i) answers += hello;
        if (!send_all(fd, answers)) break;
    }
    close(fd);
}

}  // namespace

int main(int argc, char** argv) {
    const int listener = listen_on(port_of(argc, argv), 0);
    for (;;) {
        const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) fail("accept4");
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        std::thread{serve, fd}.detach();
    }
}
