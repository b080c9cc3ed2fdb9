#include "platform/os.hpp"

#include "support/faulty_os.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using grove::Clock;
using grove::detail::os;
using grove::detail::real_os;
using grove::testing::Call;
using grove::testing::FaultyOs;
using grove::testing::OsScope;

namespace {

struct Pair {
    Pair() { REQUIRE(real_os().socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()) == 0); }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;
    ~Pair() {
        for (const int fd : fds) ::close(fd);
    }
    [[nodiscard]] int ours() const { return fds[0]; }
    [[nodiscard]] int theirs() const { return fds[1]; }

    std::array<int, 2> fds{};
};

bool is_for_greenlets(int fd) {
    return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

sockaddr_in loopback() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

sockaddr* as_sockaddr(sockaddr_in& address) {
    return reinterpret_cast<sockaddr*>(&address);
}

std::string receive_all(int fd) {
    std::array<char, 100> buffer{};
    const auto size = real_os().receive(fd, buffer.data(), buffer.size());
    return size > 0 ? std::string{buffer.data(), static_cast<std::size_t>(size)} : std::string{};
}

}  // namespace

TEST_SUITE_BEGIN("platform/os");

// --- the system -----------------------------------------------------------------------------------

TEST_CASE("every new socket is non-blocking and not inherited by programs") {
    const int listener = real_os().socket(AF_INET, SOCK_STREAM, 0);
    const int client = real_os().socket(AF_INET, SOCK_STREAM, 0);
    auto address = loopback();
    socklen_t size = sizeof address;
    REQUIRE(real_os().bind(listener, as_sockaddr(address), size) == 0);
    REQUIRE(real_os().listen(listener, 1) == 0);
    REQUIRE(real_os().local_name(listener, as_sockaddr(address), &size) == 0);
    REQUIRE(real_os().connect(client, as_sockaddr(address), size) == -EINPROGRESS);
    pollfd incoming{.fd = listener, .events = POLLIN, .revents = 0};
    REQUIRE(real_os().poll(&incoming, 1, 10s) == 1);
    const int accepted = real_os().accept(listener, nullptr, nullptr);
    const Pair pair;

    for (const int fd : {listener, client, accepted, pair.ours(), pair.theirs()}) CHECK(is_for_greenlets(fd));
    CHECK(real_os().set_non_blocking(accepted, false) == 0);
    CHECK_FALSE(is_for_greenlets(accepted));
    for (const int fd : {listener, client, accepted}) CHECK(real_os().close(fd) == 0);
}

TEST_CASE("a failure comes as a negative errno") {
    const Pair pair;
    std::array<char, 10> buffer{};
    CHECK(real_os().receive(pair.ours(), buffer.data(), buffer.size()) == -EAGAIN);
    CHECK(real_os().receive(-1, buffer.data(), buffer.size()) == -EBADF);
    CHECK(real_os().accept(pair.ours(), nullptr, nullptr) == -EINVAL);
    CHECK(real_os().set_non_blocking(-1, true) == -EBADF);
    CHECK(real_os().close(-1) == -EBADF);
}

TEST_CASE("sending to a peer that is gone is EPIPE, and no signal") {
    const Pair pair;
    iovec part{.iov_base = const_cast<char*>("x"), .iov_len = 1};
    ::shutdown(pair.theirs(), SHUT_RDWR);

    CHECK(real_os().send(pair.ours(), "x", 1) == -EPIPE);
    CHECK(real_os().send_vector(pair.ours(), &part, 1) == -EPIPE);
    CHECK(real_os().send_to(pair.ours(), "x", 1, nullptr, 0) == -EPIPE);
}

TEST_CASE("send_vector sends the parts in order") {
    const Pair pair;
    std::string hello = "hello, ", world = "world";
    const std::array<iovec, 2> parts{{{.iov_base = hello.data(), .iov_len = hello.size()},
                                      {.iov_base = world.data(), .iov_len = world.size()}}};

    CHECK(real_os().send_vector(pair.ours(), parts.data(), parts.size()) == 12);

    CHECK(receive_all(pair.theirs()) == "hello, world");
}

TEST_CASE("poll says 0 at its deadline, and looks when that has passed") {
    const Pair pair;
    pollfd entry{.fd = pair.ours(), .events = POLLIN, .revents = 0};
    const auto by = Clock::now() + 2ms;
    CHECK(real_os().poll(&entry, 1, by) == 0);
    CHECK(Clock::now() >= by);

    CHECK(real_os().send(pair.theirs(), "x", 1) == 1);
    CHECK(real_os().poll(&entry, 1, Clock::time_point{}) == 1);
    CHECK(real_os().poll(&entry, 1, {}) == 1);
}

TEST_CASE("poll goes on waiting when signals interrupt it") {
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, &before);
    const itimerval timer{.it_interval = {.tv_sec = 0, .tv_usec = 500},
                          .it_value = {.tv_sec = 0, .tv_usec = 500}};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
    const auto by = Clock::now() + 5ms;

    CHECK(real_os().poll(nullptr, 0, by) == 0);
    CHECK(Clock::now() >= by);

    const itimerval none{};
    ::setitimer(ITIMER_REAL, &none, nullptr);
    ::sigaction(SIGALRM, &before, nullptr);
}

TEST_CASE("another system is this thread's alone") {
    FaultyOs system;
    {
        const OsScope scope{system};
        CHECK(&os() == &system);
        std::thread{[] { CHECK(&os() == &real_os()); }}.join();
    }
    CHECK(&os() == &real_os());
}

// --- the system with faults -----------------------------------------------------------------------

TEST_CASE("the scripted calls fail without reaching the system, the others do not") {
    FaultyOs system;
    system.fail(Call::send, 2, ECONNRESET);
    system.fail(Call::send, 3, EINTR, 2);
    const Pair pair;

    CHECK(system.send(pair.ours(), "1", 1) == 1);
    CHECK(system.send(pair.ours(), "2", 1) == -ECONNRESET);
    CHECK(system.send(pair.ours(), "3", 1) == -EINTR);
    CHECK(system.send(pair.ours(), "4", 1) == -EINTR);
    CHECK(system.send(pair.ours(), "5", 1) == 1);

    CHECK(receive_all(pair.theirs()) == "15");
    CHECK(system.count(Call::send) == 5);
    CHECK(system.count(Call::receive) == 0);
}

TEST_CASE("shortened calls carry fewer bytes") {
    FaultyOs system;
    system.shorten(Call::send, 1, 2);
    system.shorten(Call::send_vector, 1, 4);
    system.shorten(Call::receive, 1, 1, FaultyOs::for_ever);
    const Pair pair;
    std::string hello = "abc", world = "def";
    const std::array<iovec, 2> parts{{{.iov_base = hello.data(), .iov_len = hello.size()},
                                      {.iov_base = world.data(), .iov_len = world.size()}}};

    CHECK(system.send(pair.ours(), "12345", 5) == 2);
    CHECK(system.send_vector(pair.ours(), parts.data(), parts.size()) == 4);

    std::string received;
    std::array<char, 10> buffer{};
    while (system.receive(pair.theirs(), buffer.data(), buffer.size()) == 1) received += buffer[0];
    CHECK(received == "12abcd");
}

TEST_CASE("a close that fails has closed all the same") {
    FaultyOs system;
    system.fail(Call::close, 1, EIO);
    const int fd = system.socket(AF_INET, SOCK_STREAM, 0);

    CHECK(system.close(fd) == -EIO);
    CHECK(::fcntl(fd, F_GETFD) == -1);
}

TEST_SUITE_END();
