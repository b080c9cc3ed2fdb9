// baseline/epoll_hello with Asio's coroutines: asio_hello spawn|co_await [--port P]
#include "../baseline/listening.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <string>

namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using asio::yield_context;
using asio::ip::tcp;

/// Of one connection: what it read, and the answers to it.
struct Exchange {
    std::array<char, 4096> buffer;
    RequestCounter requests{};
    std::string answers{};

    asio::const_buffer answers_to(std::size_t n) {
        answers.clear();
        for (std::size_t left = requests.count({buffer.data(), n}); left > 0; --left) answers += hello;
        return asio::buffer(answers);
    }
};

// A client that goes ends them, by an exception.

void serve_stackful(tcp::socket socket, const yield_context& yield) {
    Exchange exchange;
    for (;;) {
        const std::size_t n = socket.async_read_some(asio::buffer(exchange.buffer), yield);
        asio::async_write(socket, exchange.answers_to(n), yield);
    }
}

void accept_stackful(tcp::acceptor& acceptor, const yield_context& yield) {
    for (;;) {
        tcp::socket socket = acceptor.async_accept(yield);
        socket.set_option(tcp::no_delay{true});
        asio::spawn(
            acceptor.get_executor(),
            [socket = std::move(socket)](const yield_context& own) mutable {
                serve_stackful(std::move(socket), own);
            },
            asio::detached);
    }
}

awaitable<void> serve_stackless(tcp::socket socket) {
    Exchange exchange;
    for (;;) {
        const std::size_t n = co_await socket.async_read_some(asio::buffer(exchange.buffer), use_awaitable);
        co_await asio::async_write(socket, exchange.answers_to(n), use_awaitable);
    }
}

awaitable<void> accept_stackless(tcp::acceptor& acceptor) {
    for (;;) {
        tcp::socket socket = co_await acceptor.async_accept(use_awaitable);
        socket.set_option(tcp::no_delay{true});
        asio::co_spawn(acceptor.get_executor(), serve_stackless(std::move(socket)), asio::detached);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view model = argc > 1 ? argv[1] : "";
    if (model != "spawn" && model != "co_await") {
        std::fprintf(stderr, "usage: %s spawn|co_await [--port P]\n", argv[0]);
        return 2;
    }
    const int listener = listen_on(port_of(argc - 1, argv + 1), 0);
    asio::io_context context{1};
    tcp::acceptor acceptor{context, tcp::v4(), listener};
    if (model == "spawn") {
        asio::spawn(
            context, [&](const yield_context& yield) { accept_stackful(acceptor, yield); }, asio::detached);
    } else {
        asio::co_spawn(context, accept_stackless(acceptor), asio::detached);
    }
    context.run();
}
