#include "http/preconditions.hpp"

#include "http/access.hpp"
#include "http/date.hpp"

#include <optional>
#include <string_view>

namespace grove::detail {

namespace {

enum class Comparison : std::uint8_t { strong, weak };

bool is_same(std::string_view listed, std::string_view etag, Comparison how) noexcept {
    if (listed.starts_with("W/")) {
        if (how == Comparison::strong) return false;
        listed.remove_prefix(2);
    }
    return listed == etag;
}

/// Whether `"a", W/"b"` has it. An entity tag may have commas in it, so its quotation marks are what counts.
bool lists(std::string_view list, std::string_view etag, Comparison how) noexcept {
    if (list == "*") return true;
    for (;;) {
        const auto begin = list.find_first_not_of(" \t,");
        if (begin == list.npos) return false;
        list.remove_prefix(begin);
        const auto open = list.find('"');
        const auto close = open == list.npos ? list.npos : list.find('"', open + 1);
        if (close == list.npos) return false;
        if (is_same(list.substr(0, close + 1), etag, how)) return true;
        list.remove_prefix(close + 1);
    }
}

/// Whether one of that name's fields has it; nullopt if there is none.
std::optional<bool> any_lists(const http::Headers& headers,
                              std::string_view name,
                              std::string_view etag,
                              Comparison how) {
    std::optional<bool> found;
    for (const auto& [key, value] : headers) {
        if (equal_without_case(key, name)) found = found.value_or(false) || lists(value, etag, how);
    }
    return found;
}

std::optional<std::time_t> date_in(const http::Headers& headers, std::string_view name) {
    const auto value = headers.get(name);
    return value ? parse_http_date(*value) : std::nullopt;
}

}  // namespace

Verdict judge(const http::Request& request, const Validators& current) {
    const auto& headers = request.headers;
    const bool reads = request.method == "GET" || request.method == "HEAD";
    if (const auto match = any_lists(headers, "if-match", current.etag, Comparison::strong)) {
        if (!*match) return Verdict::failed;
    } else if (const auto since = date_in(headers, "if-unmodified-since")) {
        if (current.modified > *since) return Verdict::failed;
    }
    if (const auto match = any_lists(headers, "if-none-match", current.etag, Comparison::weak)) {
        if (*match) return reads ? Verdict::not_modified : Verdict::failed;
    } else if (const auto since = date_in(headers, "if-modified-since"); since && reads) {
        if (current.modified <= *since) return Verdict::not_modified;
    }
    return Verdict::go_on;
}

bool range_counts(const http::Request& request, const Validators& current) {
    const auto version = request.headers.get("if-range");
    if (!version) return true;
    if (version->find('"') != version->npos) return is_same(*version, current.etag, Comparison::strong);
    return parse_http_date(*version) == current.modified;
}

}  // namespace grove::detail
