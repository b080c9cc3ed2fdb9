// Feeds a parser with bytes that nobody chose. GROVE_FUZZ_REQUESTS: requests, else responses.
//
// Each input is read twice, at once and byte by byte, and has to mean the same; what is taken over has to be
// within its limits. libFuzzer finds the inputs; tests/fuzz/request and tests/fuzz/response are where it
// begins.

#include "http/parser.hpp"
#include "http/parsing.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

using grove::testing::Parsed;

namespace {

constexpr std::size_t max_header_bytes = 4096;
constexpr std::size_t max_fields = 50;

void require(bool holds) {
    if (!holds) std::abort();
}

void check(const grove::http::Headers& headers) {
    require(headers.size() <= max_fields * 20);
    for (const auto& [name, value] : headers) {
        require(!name.empty() && name.size() + value.size() <= max_header_bytes * 2);
        require(name.find_first_of("\r\n: ") == name.npos && value.find_first_of("\r\n") == value.npos);
    }
}

#ifdef GROVE_FUZZ_REQUESTS
Parsed parse(const std::vector<std::string_view>& pieces) {
    grove::http::Request request;
    const auto parser = grove::detail::make_request_parser(max_header_bytes, max_fields);
    parser->start(request);
    const Parsed parsed = grove::testing::parse(*parser, pieces, 7);
    require(request.headers.size() <= max_fields && request.trailers.size() <= max_fields);
    check(request.headers);
    check(request.trailers);
    return parsed;
}
#else
Parsed parse(const std::vector<std::string_view>& pieces) {
    grove::http::Response response;
    const auto parser = grove::detail::make_response_parser(max_header_bytes);
    parser->start(response, false);
    const Parsed parsed = grove::testing::parse(*parser, pieces, 7);
    check(response.headers);
    return parsed;
}
#endif

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const Parsed at_once = parse({text});
    const Parsed by_bytes = parse(grove::testing::in_bytes(text));
    using Step = grove::detail::HttpParser::Step;
    if (at_once.step == Step::done) require(at_once == by_bytes);
    // Where it is refused may differ, for a limit is met at another place; that it is must not.
    if (at_once.step == Step::need_more) require(by_bytes.step != Step::done);
    return 0;
}
