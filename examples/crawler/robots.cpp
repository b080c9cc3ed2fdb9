#include "robots.hpp"

#include "text.hpp"
#include "url.hpp"

#include <algorithm>
#include <cmath>

namespace crawler {

namespace {

constexpr double longest_delay = 24 * 3600;  // seconds; more is a mistake, and may be no number of any clock

int value_of(char hex) {
    if (hex >= '0' && hex <= '9') return hex - '0';
    return lower(hex) - 'a' + 10;
}

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"-._~"}.find(c) != std::string_view::npos;
}

/// The one way to percent-encode it, and the characters of `also`, so that patterns and targets compare byte
/// by byte.
std::string canonical(std::string_view text, std::string_view also) {
    const std::string encoded = escaped(text, also);
    std::string result;
    for (std::size_t i = 0; i < encoded.size(); ++i) {
        if (encoded[i] != '%') {
            result += encoded[i];
            continue;
        }
        const char byte = static_cast<char>(value_of(encoded[i + 1]) << 4 | value_of(encoded[i + 2]));
        if (is_unreserved(byte)) {
            result += byte;
        } else {
            for (const char c : encoded.substr(i, 3))
                result += c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
        }
        i += 2;
    }
    return result;
}

/// '*' and '$' in a target are characters like others, which patterns write as "%2A" and "%24".
std::string canonical_target(std::string_view target) {
    return canonical(target, "*$");
}

std::string canonical_pattern(std::string_view pattern) {
    const bool to_the_end = pattern.ends_with('$');
    if (to_the_end) pattern.remove_suffix(1);
    return canonical(pattern, "$") + (to_the_end ? "$" : "");
}

/// Each piece between two '*' where it is first found: if any way matches, this one does.
bool matches(std::string_view pattern, std::string_view target) {
    const bool to_the_end = pattern.ends_with('$');
    if (to_the_end) pattern.remove_suffix(1);
    const std::string_view first = pattern.substr(0, pattern.find('*'));
    if (!target.starts_with(first)) return false;
    target.remove_prefix(first.size());
    pattern.remove_prefix(first.size());
    while (!pattern.empty()) {
        pattern.remove_prefix(1);
        const std::string_view piece = pattern.substr(0, pattern.find('*'));
        pattern.remove_prefix(piece.size());
        if (to_the_end && pattern.empty()) return target.ends_with(piece);
        const std::size_t at = target.find(piece);
        if (at == target.npos) return false;
        target.remove_prefix(at + piece.size());
    }
    return !to_the_end || target.empty();
}

/// Of "name/1.0 (comment)" the name.
std::string product_of(std::string_view agent) {
    const auto is_part = [](char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '_'; };
    return lowered(
        agent.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(agent, is_part) - agent.begin())));
}

}  // namespace

/// Reads line by line. Groups for the product count together; those for '*' only if there are no others.
class Robots::Reader {
public:
    explicit Reader(std::string_view product) : product_{product_of(product)} {}

    void read(std::string_view line) {
        line = take_until(line, '#');
        if (line.find(':') == line.npos) return;
        const std::string key = lowered(stripped(take_until(line, ':')));
        const std::string_view value = stripped(line);
        if (key == "user-agent") {
            begin_group(value);
        } else if (key == "sitemap") {
            sitemaps_.emplace_back(value);
        } else if (key == "allow" || key == "disallow") {
            add({canonical_pattern(value), key == "allow"});
        } else if (key == "crawl-delay") {
            delay(value);
        }
    }

    Robots finish() && {
        Robots result = std::move(named_ ? ours_ : everyones_);
        result.sitemaps_ = std::move(sitemaps_);
        std::ranges::stable_sort(result.rules_, [](const Rule& a, const Rule& b) {
            return a.pattern.size() != b.pattern.size() ? a.pattern.size() > b.pattern.size()
                                                        : a.allow > b.allow;
        });
        return result;
    }

private:
    void begin_group(std::string_view agent) {
        if (!in_agents_) for_us_ = for_all_ = false;
        in_agents_ = true;
        if (agent == "*") {
            for_all_ = true;
        } else if (product_of(agent) == product_) {
            for_us_ = named_ = true;
        }
    }
    void add(Rule rule) {
        in_agents_ = false;
        if (rule.pattern.empty()) return;  // "Disallow:" forbids nothing
        if (for_us_) ours_.rules_.push_back(rule);
        if (for_all_) everyones_.rules_.push_back(std::move(rule));
    }
    /// It is no rule of the RFC's, so it ends no run of user-agent lines (2.2.4). That leaves "User-agent: a,
    /// Crawl-delay: 1, User-agent: b, Crawl-delay: 2" one group: the first delay after its name is an
    /// agent's.
    void delay(std::string_view value) {
        const auto seconds = number_in<double>(value);
        if (!seconds || !std::isfinite(*seconds) || *seconds < 0) return;
        const std::chrono::milliseconds length{
            static_cast<std::int64_t>(std::min(*seconds, longest_delay) * 1000)};
        if (for_us_ && !ours_.delay_) ours_.delay_ = length;
        if (for_all_ && !everyones_.delay_) everyones_.delay_ = length;
    }

    std::string product_;
    Robots ours_;
    Robots everyones_;
    std::vector<std::string> sitemaps_;
    bool named_ = false;   // there is a group of ours
    bool for_us_ = false;  // so are the present lines
    bool for_all_ = false;
    bool in_agents_ = false;  // the last line that says something was a user-agent line
};

Robots Robots::parse(std::string_view text, std::string_view product) {
    if (text.size() > max_bytes) {
        text = text.substr(0, max_bytes);
        text = text.substr(0, text.find_last_of("\r\n") + 1);  // half a pattern would say something else
    }
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    Reader reader{product};
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
        reader.read(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return std::move(reader).finish();
}

std::size_t Robots::bytes() const noexcept {
    std::size_t sum = sizeof *this;
    for (const Rule& rule : rules_) sum += sizeof rule + rule.pattern.size();
    for (const auto& sitemap : sitemaps_) sum += sizeof(std::string) + sitemap.size();
    return sum;
}

bool Robots::allows(std::string_view target) const {
    if (rules_.empty() || target == "/robots.txt") return true;
    const std::string name = canonical_target(target);
    const auto rule =
        std::ranges::find_if(rules_, [&](const Rule& each) { return matches(each.pattern, name); });
    return rule == rules_.end() || rule->allow;
}

}  // namespace crawler
