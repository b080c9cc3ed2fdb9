// The least an HTTP server can be: finds the blank lines and answers each with the same bytes. What is left
// is the cost of the sockets; compare with baseline/epoll_hello. `raw_hello --port 8080`, with `--shards 2`
// two runtimes of them, and with `--close` a connection ends after one answer.

#include <grove/io/stream.hpp>
#include <grove/net/sharded.hpp>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

namespace {

using grove::net::Endpoint;
using grove::net::IpAddress;
using grove::net::Socket;

constexpr std::string_view answer =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 13\r\n"
    "\r\n"
    "Hello, World!";

constexpr std::string_view last_answer =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 13\r\n"
    "Connection: close\r\n"
    "\r\n"
    "Hello, World!";

constexpr std::string_view blank_line = "\r\n\r\n";

/// Counts the ends of requests in a stream of pieces, which may begin and end anywhere.
class RequestCounter {
public:
    std::size_t count_in(std::string_view piece) {
        std::size_t count = 0;
        while (!piece.empty()) {
            if (matched_ == 0) {
                const auto next = piece.find(blank_line[0]);
                if (next == piece.npos) break;
                piece.remove_prefix(next);
            }
            step(piece.front());
            piece.remove_prefix(1);
            if (matched_ < blank_line.size()) continue;
            matched_ = 0;
            ++count;
        }
        return count;
    }

private:
    void step(char c) {
        if (c == blank_line[matched_]) {
            ++matched_;
        } else {
            matched_ = c == blank_line[0] ? 1 : 0;
        }
    }

    std::size_t matched_ = 0;  // characters of the blank line seen so far
};

void serve(Socket socket, const Endpoint&) {
    std::array<std::byte, 2048> buffer;
    RequestCounter requests;
    std::error_code ec;  // a client may go at any time
    while (const std::size_t n = socket.read_some(buffer, ec)) {
        const std::size_t count = requests.count_in({reinterpret_cast<const char*>(buffer.data()), n});
        if (count == 1) {
            grove::write(socket, answer, ec);
        } else if (count > 1) {
            std::string answers;
            for (std::size_t i = 0; i < count; ++i) answers += answer;
            grove::write(socket, answers, ec);
        }
        if (ec) return;
    }
}

void serve_one(Socket socket, const Endpoint&) {
    std::array<std::byte, 2048> buffer;
    RequestCounter requests;
    std::error_code ec;
    while (const std::size_t n = socket.read_some(buffer, ec)) {
        if (requests.count_in({reinterpret_cast<const char*>(buffer.data()), n}) == 0) continue;
        grove::write(socket, last_answer, ec);
        return;
    }
}

struct Arguments {
    std::uint16_t port = 8080;
    std::uint16_t shards = 1;
    bool close = false;
};

Arguments parse(std::span<char*> words) {
    Arguments arguments;
    for (std::size_t i = 1; i < words.size(); i += 2) {
        const std::string_view name = words[i];
        if (name == "--close") {
            arguments.close = true;
            --i;  // no value
            continue;
        }
        const std::string_view text = i + 1 < words.size() ? words[i + 1] : "";
        std::uint16_t& value = name == "--port" ? arguments.port : arguments.shards;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if ((name == "--port" || name == "--shards") && error == std::errc{} &&
            end == text.data() + text.size())
            continue;
        std::fprintf(stderr, "usage: %s [--port PORT] [--shards N] [--close]\n", words[0]);
        std::exit(2);
    }
    return arguments;
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments = parse({argv, static_cast<std::size_t>(argc)});
    auto listeners = grove::net::bind_sharded(arguments.shards, {IpAddress::loopback(), arguments.port});
    std::printf("listening on %s\n", listeners.front().local().to_string().c_str());
    std::fflush(stdout);
    grove::net::serve_sharded(std::move(listeners), arguments.close ? serve_one : serve);
}
