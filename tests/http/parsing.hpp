#pragma once

#include "http/parser.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace grove::testing {

/// What a parser made of some bytes.
struct Parsed {
    detail::HttpParser::Step step = detail::HttpParser::Step::need_more;
    int fault = 0;
    detail::HttpHead head;
    std::string body;
    std::string rest;  // not consumed

    friend bool operator==(const Parsed& a, const Parsed& b) {
        return a.step == b.step && a.fault == b.fault && a.body == b.body && a.rest == b.rest &&
               a.head.framing == b.head.framing && a.head.length == b.head.length &&
               a.head.keep_alive == b.head.keep_alive;
    }
};

/// Feeds the pieces in turn; takes chunks out in portions of that size.
inline Parsed parse(detail::HttpParser& parser,
                    const std::vector<std::string_view>& pieces,
                    std::size_t portion = 4096) {
    using Step = detail::HttpParser::Step;
    Parsed result;
    bool in_head = true;
    std::vector<std::byte> room(portion);
    for (const auto piece : pieces) {
        result.rest += piece;
        while (result.step == Step::need_more) {
            std::size_t produced = 0;
            const auto [step, consumed] =
                in_head ? parser.parse_head(result.rest) : parser.parse_chunks(result.rest, room, produced);
            result.rest.erase(0, consumed);
            if (!in_head) result.body.append(reinterpret_cast<const char*>(room.data()), produced);
            if (step == Step::fault) result.fault = parser.fault();
            const bool chunks_follow =
                in_head && step == Step::done && parser.head().framing == detail::HttpFraming::chunked;
            if (chunks_follow) {
                in_head = false;
                continue;
            }
            result.step = step;
            if (step == Step::need_more && produced == 0) break;
        }
    }
    if (result.step == Step::done) result.head = parser.head();
    return result;
}

inline std::vector<std::string_view> in_bytes(std::string_view text) {
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
    return bytes;
}

}  // namespace grove::testing
