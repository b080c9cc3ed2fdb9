#include <grove/http/message.hpp>

#include "http/parser.hpp"
#include "support/bench.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace {

void parse_requests(benchmark::State& state, std::string_view text) {
    const auto parser = grove::detail::make_request_parser(64 * 1024);
    grove::http::Request request;
    Counted counted{state};
    for (auto _ : state) {
        parser->start(request);
        benchmark::DoNotOptimize(parser->parse_head(text));
    }
}

}  // namespace

// What wrk sends. A request that is not the first of its connection allocates nothing.
void parser_short_request(benchmark::State& state) {
    parse_requests(state, "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n");
}
GROVE_BENCHMARK(parser_short_request);

// What a browser sends: 14 fields in 700 bytes. Their values, too long to be kept inside a string, find the
// room that those of the request before had.
void parser_browser_request(benchmark::State& state) {
    parse_requests(
        state,
        "GET /en/cpp/thread/counting_semaphore.html HTTP/1.1\r\n"
        "Host: en.cppreference.com\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
        "Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n"
        "Accept-Encoding: gzip, deflate, br, zstd\r\n"
        "Referer: https://en.cppreference.com/w/cpp/thread\r\n"
        "Connection: keep-alive\r\n"
        "Cookie: theme=dark; session=0123456789abcdef0123456789abcdef\r\n"
        "Upgrade-Insecure-Requests: 1\r\n"
        "Sec-Fetch-Dest: document\r\n"
        "Sec-Fetch-Mode: navigate\r\n"
        "Sec-Fetch-Site: same-origin\r\n"
        "Sec-Fetch-User: ?1\r\n"
        "Priority: u=0, i\r\n\r\n");
}
GROVE_BENCHMARK(parser_browser_request);

// A body in chunks of 4 KiB: the data is copied once.
void parser_chunks(benchmark::State& state) {
    std::string body;
    for (int i = 0; i < 16; ++i) body += "1000\r\n" + std::string(4096, 'x') + "\r\n";
    body += "0\r\n\r\n";
    const auto parser = grove::detail::make_request_parser(64 * 1024);
    grove::http::Request request;
    std::array<std::byte, 3000> into;
    Counted counted{state};
    for (auto _ : state) {
        parser->start(request);
        (void)parser->parse_head("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        std::string_view left{body};
        std::size_t produced = 0;
        while (!left.empty()) left.remove_prefix(parser->parse_chunks(left, into, produced).consumed);
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * 16 * 4096);
}
GROVE_BENCHMARK(parser_chunks);
