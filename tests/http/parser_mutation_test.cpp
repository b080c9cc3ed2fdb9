#include "http/parser.hpp"
#include "http/parsing.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>

using namespace std::string_view_literals;
using grove::testing::in_bytes;
using grove::testing::parse;
using grove::testing::Parsed;
using Step = grove::detail::HttpParser::Step;

namespace {

constexpr std::size_t header_limit = 1024;

const std::array<std::string, 6> corpus = {
    "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: b\r\nAccept: */*\r\n\r\n",
    "POST /form?x=y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
    "chunked\r\n\r\n5\r\nhello\r\na;b=\"c\"\r\n0123456789\r\n0\r\nT: x\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc",
    "HTTP/1.1 301 Moved\r\nLocation: http://b/\r\nContent-Length: 0\r\n\r\n",
};

class Mutator {
public:
    explicit Mutator(unsigned seed) : random_{seed} {}

    std::string operator()(std::string text) {
        static constexpr auto favourites = "\r\n\0: \t0fF;\"\x7f\xff,H"sv;
        for (std::size_t i = 0, n = 1 + below(4); i < n && !text.empty(); ++i) {
            const std::size_t at = below(text.size());
            switch (below(5)) {
                case 0:
                    text[at] = static_cast<char>(below(256));
                    break;
                case 1:
                    text[at] = favourites[below(favourites.size())];
                    break;
                case 2:
                    text.erase(at, 1 + below(4));
                    break;
                case 3:
                    text.insert(at, 1, favourites[below(favourites.size())]);
                    break;
                default:
                    text.insert(at, text.substr(below(text.size()), 1 + below(16)));
            }
        }
        return text;
    }
    std::size_t below(std::size_t n) { return random_() % n; }

private:
    std::mt19937 random_;
};

}  // namespace

TEST_SUITE_BEGIN("http/parser_mutation");

TEST_CASE("no mutation of a message makes a parser fail, or see another message when it comes in pieces") {
    Mutator mutate{1};
    const auto parser = grove::detail::make_request_parser(header_limit);
    const auto answers = grove::detail::make_response_parser(header_limit);
    grove::http::Request request;
    grove::http::Response response;
    int accepted = 0;
    for (int i = 0; i < 20'000; ++i) {
        const std::string text = mutate(corpus[mutate.below(corpus.size())]);
        parser->start(request);
        const Parsed whole = parse(*parser, {text});
        parser->start(request);
        const Parsed split = parse(*parser, in_bytes(text), 1 + mutate.below(8));
        accepted += whole.step == Step::done;
        CAPTURE(text);
        REQUIRE((whole.step == Step::done) == (split.step == Step::done));
        if (whole.step == Step::done) REQUIRE(whole == split);

        answers->start(response, mutate.below(2) == 0);
        (void)parse(*answers, in_bytes(text));
    }
    CHECK(accepted > 1000);
}

TEST_SUITE_END();
