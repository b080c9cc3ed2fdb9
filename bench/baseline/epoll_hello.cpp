// The floor of a hello server: one thread, one level-triggered epoll, no coroutines. A keep-alive request
// costs recv + send + its share of an epoll_wait; each connection is registered once. `epoll_hello [--port P]
// [--close]`: with --close a connection ends after one answer.
#include "listening.hpp"

#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <vector>

namespace {

struct Connection {
    RequestCounter requests{};
    std::size_t owed = 0;  ///< bytes of answers not yet sent
    bool sending = false;  ///< waits to write, and reads nothing until it has
};

/// All answers are alike, so what a connection is owed is a number, and this holds its bytes.
const std::string& many_answers() {
    static const std::string text = [] {
        std::string made;
        for (int i = 0; i < 64; ++i) made += hello;
        return made;
    }();
    return text;
}

class HelloServer {
public:
    HelloServer(int listener, bool one_each)
        : listener_{listener}, epoll_{epoll_create1(EPOLL_CLOEXEC)}, one_each_{one_each} {
        if (epoll_ < 0) fail("epoll_create1");
        control(EPOLL_CTL_ADD, listener_, EPOLLIN);
    }

    [[noreturn]] void serve() {
        std::array<epoll_event, 256> events;
        for (;;) {
            const int n = epoll_wait(epoll_, events.data(), events.size(), -1);
            if (n < 0 && errno != EINTR) fail("epoll_wait");
            for (int i = 0; i < n; ++i) {
                const int fd = events[static_cast<std::size_t>(i)].data.fd;
                fd == listener_ ? accept_all() : serve_one(fd);
            }
        }
    }

private:
    void accept_all() {
        int fd;
        while ((fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
            const int on = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            if (connections_.size() <= static_cast<std::size_t>(fd)) connections_.resize(fd + 1);
            connections_[fd] = {};
            control(EPOLL_CTL_ADD, fd, EPOLLIN);
        }
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) fail("accept4");
    }

    void serve_one(int fd) {
        Connection& connection = connections_[fd];
        if (!connection.sending) {
            const ssize_t n = recv(fd, buffer_.data(), buffer_.size(), 0);
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
            if (n <= 0) return drop(fd);
            const std::size_t requests =
                connection.requests.count({buffer_.data(), static_cast<std::size_t>(n)});
            if (one_each_ && requests > 0) return answer_and_drop(fd);
            connection.owed += hello.size() * requests;
        }
        if (!answer(fd, connection)) return drop(fd);
        if (const bool waits = connection.owed > 0; waits != connection.sending) {
            connection.sending = waits;
            control(EPOLL_CTL_MOD, fd, waits ? EPOLLOUT : EPOLLIN);
        }
    }

    /// Sends what the socket takes; false if the connection is broken.
    static bool answer(int fd, Connection& connection) {
        const std::string& answers = many_answers();
        while (connection.owed > 0) {
            const std::size_t sent_of_first = (hello.size() - connection.owed % hello.size()) % hello.size();
            const std::size_t size = std::min(connection.owed, answers.size() - sent_of_first);
            const ssize_t n = send(fd, answers.data() + sent_of_first, size, MSG_NOSIGNAL);
            if (n < 0) return errno == EAGAIN;
            connection.owed -= static_cast<std::size_t>(n);
        }
        return true;
    }

    /// A new socket has room for it.
    static void answer_and_drop(int fd) {
        (void)send(fd, last_hello.data(), last_hello.size(), MSG_NOSIGNAL);
        drop(fd);
    }

    static void drop(int fd) { close(fd); }

    void control(int operation, int fd, std::uint32_t events) {
        epoll_event event{};
        event.events = events;
        event.data.fd = fd;
        if (epoll_ctl(epoll_, operation, fd, &event) < 0) fail("epoll_ctl");
    }

    int listener_;
    int epoll_;
    bool one_each_;
    std::vector<Connection> connections_;  // by descriptor
    std::array<char, 4096> buffer_;
};

}  // namespace

int main(int argc, char** argv) {
    const bool one_each = argc > 1 && std::string_view{argv[argc - 1]} == "--close";
    const std::uint16_t port = port_of(one_each ? argc - 1 : argc, argv);
    HelloServer{listen_on(port, SOCK_NONBLOCK), one_each}.serve();
}
