#include <grove/core/greenlet.hpp>
#include <grove/core/timeout.hpp>
#include <grove/net/socket.hpp>

#include "net/loopback.hpp"
#include "net/test_path.hpp"
#include "support/faulty_os.hpp"
#include "support/grove_test.hpp"
#include "support/thrown.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <unistd.h>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::spawn;
using grove::net::Endpoint;
using grove::net::Listener;
using grove::net::Socket;

TEST_SUITE_BEGIN("net/listener");

// --- Ports ----------------------------------------------------------------------------------------

GROVE_TEST_REAL("port 0 lets the system choose") {
    const auto listener = Listener::bind(any_port);
    CHECK(listener.local().ip() == any_port.ip());
    CHECK(listener.local().port() != 0);
}

GROVE_TEST_REAL("a port in use is an error that names it") {
    const auto listener = Listener::bind(any_port);
    const auto at = listener.local();
    CHECK(error_of([&] { (void)Listener::bind(at); }) ==
          "listen " + at.to_string() + ": Address already in use");
    std::error_code ec;
    CHECK_FALSE(Listener::bind(at, ec));
    CHECK(ec == std::errc::address_in_use);
}

GROVE_TEST_REAL("with reuse_port two listeners share one port") {
    const auto first = Listener::bind(any_port, {.reuse_port = true});
    const auto second = Listener::bind(first.local(), {.reuse_port = true});
    CHECK(first.local() == second.local());
}

GROVE_TEST_REAL("a port that was in use a moment ago is free") {
    Endpoint at;
    {
        auto listener = Listener::bind(any_port);
        at = listener.local();
        auto client = Socket::connect(at, patience);
        auto server = listener.accept(patience);
        server.close();  // this end waits in TIME_WAIT
        CHECK(read_piece(client).empty());
    }
    CHECK(Listener::bind(at));
}

GROVE_TEST_REAL("IPv6 works where there is any") {
    std::error_code ec;
    auto listener = Listener::bind(Endpoint::parse("[::1]:0"), ec);
    if (ec) return;
    auto client = Socket::connect(listener.local(), patience);
    auto server = listener.accept(patience);
    CHECK(server.peer() == client.local());
}

// --- Accepting ------------------------------------------------------------------------------------

GROVE_TEST_REAL("accept waits for a connection, until the deadline") {
    auto listener = Listener::bind(any_port);
    std::error_code ec;
    (void)listener.accept(ec, 10ms);
    CHECK(ec == std::errc::timed_out);
    (void)listener.accept(ec, 0ms);
    CHECK(ec == std::errc::timed_out);

    auto acceptor = spawn([&] { return listener.accept(patience).peer(); });
    settle();
    const auto client = Socket::connect(listener.local(), patience);
    CHECK(acceptor.get() == client.local());
}

GROVE_TEST_REAL("accept can be killed, and timed out") {
    auto listener = Listener::bind(any_port);
    auto acceptor = spawn([&] { (void)listener.accept(); });
    settle();
    acceptor.kill();
    acceptor.join();
    CHECK(acceptor.killed());
    const bool in_time = grove::try_with_timeout(10ms, [&] { (void)listener.accept(); });
    CHECK_FALSE(in_time);
}

GROVE_TEST_REAL("closing wakes all who accept") {
    auto listener = Listener::bind(any_port);
    std::vector<grove::Greenlet<std::error_code>> acceptors;
    for (int i = 0; i < 3; ++i) {
        acceptors.push_back(spawn([&] {
            std::error_code ec;
            (void)listener.accept(ec);
            return ec;
        }));
    }
    settle();
    listener.close();
    for (auto& acceptor : acceptors) CHECK(acceptor.get() == Errc::closed);
    CHECK_FALSE(listener);
    std::error_code ec;
    (void)listener.accept(ec);
    CHECK(ec == Errc::closed);
}

GROVE_TEST_REAL("a connection given up by the peer is passed over, other failures are told") {
    auto listener = Listener::bind(any_port);
    const auto client = Socket::connect(listener.local(), patience);
    FaultyOs system;
    system.fail(Call::accept, 1, ECONNABORTED, 2);
    system.fail(Call::accept, 3, EINTR);
    system.fail(Call::accept, 4, EMFILE);
    const OsScope scope{system};
    std::error_code ec;
    (void)listener.accept(ec, patience);
    CHECK(ec == std::errc::too_many_files_open);
    const auto server = listener.accept(patience);
    CHECK(server.peer() == client.local());
}

// --- Unix -----------------------------------------------------------------------------------------

GROVE_TEST_REAL("a Unix listener is found by its file, which goes with it") {
    const TestPath path{"listener"};
    {
        auto listener = Listener::bind(path.endpoint());
        CHECK(listener.local() == path.endpoint());
        auto client = Socket::connect(path.endpoint(), patience);
        auto server = listener.accept(patience);
        CHECK(client.peer() == path.endpoint());
        CHECK(server.peer() == Endpoint::unix_path({}));
        grove::write(client, "hello");
        CHECK(read_piece(server) == "hello");
    }
    CHECK_FALSE(path.exists());
    std::error_code ec;
    (void)Socket::connect(path.endpoint(), ec, patience);
    CHECK(ec == std::errc::no_such_file_or_directory);
}

GROVE_TEST_REAL("the file of a dead listener is replaced") {
    const TestPath path{"dead"};
    {
        auto listener = Listener::bind(path.endpoint());
        std::filesystem::rename(path.path(), path.path().string() + "-kept");
    }
    std::filesystem::rename(path.path().string() + "-kept", path.path());
    REQUIRE(path.exists());
    auto listener = Listener::bind(path.endpoint());
    CHECK(Socket::connect(path.endpoint(), patience));
}

GROVE_TEST_REAL("the file of a living listener is not") {
    const TestPath path{"living"};
    const auto listener = Listener::bind(path.endpoint());
    std::error_code ec;
    (void)Listener::bind(path.endpoint(), ec);
    CHECK(ec == std::errc::address_in_use);
    CHECK(path.exists());
}

GROVE_TEST_REAL("a file that is no socket is left alone") {
    const TestPath path{"precious"};
    std::ofstream{path.path()} << "data";
    std::error_code ec;
    (void)Listener::bind(path.endpoint(), ec);
    CHECK(ec == std::errc::address_in_use);
    CHECK(std::filesystem::file_size(path.path()) == 4);
}

GROVE_TEST_REAL("a listener does not remove the file of its successor") {
    const TestPath path{"successor"};
    auto first = Listener::bind(path.endpoint());
    std::filesystem::remove(path.path());
    const auto second = Listener::bind(path.endpoint());
    first.close();
    CHECK(path.exists());
}

GROVE_TEST_REAL("a listener that is given away takes no file along, and who adopts it accepts") {
    const TestPath path{"given.sock"};
    for (const auto& at : {any_port, path.endpoint()}) {
        auto first = Listener::bind(at);
        const Endpoint where = first.local();
        const int fd = first.release();
        CHECK_FALSE(first);
        CHECK(first.release() == -1);
        auto second = Listener::adopt(fd);
        CHECK(second.local() == where);
        const auto client = Socket::connect(where, patience);
        CHECK(second.accept(patience));
    }
    CHECK(path.exists());
}

GROVE_TEST_REAL("what does not listen is not adopted, and closed") {
    auto [one, other] = tcp_pair();
    CHECK_THROWS_WITH_AS((void)Listener::adopt(one.release()),
                         doctest::Contains("Listener::adopt descriptor"),
                         std::system_error);
    CHECK(read_piece(other).empty());
    CHECK_THROWS_AS((void)Listener::adopt(-1), std::system_error);
}

GROVE_TEST_REAL("an abstract name needs no file") {
    const auto at = Endpoint::parse("unix:@grove-test-abstract-" + std::to_string(::getpid()));
    auto listener = Listener::bind(at);
    CHECK(listener.local() == at);
    CHECK(Socket::connect(at, patience));
}

GROVE_TEST_REAL("a path that is empty, has a zero in it, or is too long is an error") {
    std::error_code ec;
    for (const std::string& path : {std::string{}, std::string{"a\0b", 3}}) {
        (void)Listener::bind(Endpoint::unix_path(path), ec);
        CHECK(ec == std::errc::invalid_argument);
    }
    (void)Listener::bind(Endpoint::unix_path(std::string(200, 'x')), ec);
    CHECK(ec == std::errc::filename_too_long);
}

TEST_SUITE_END();
