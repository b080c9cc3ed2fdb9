#include <grove/net/address.hpp>

#include <net/if.h>

#include <charconv>
#include <optional>
#include <span>

namespace grove::net {

namespace {

using std::uint16_t;
using std::uint32_t;
using std::uint8_t;

constexpr std::size_t groups_of_v6 = 8;

[[noreturn]] void throw_not_an(const char* what, std::string_view text, const char* hint) {
    throw std::system_error{std::make_error_code(std::errc::invalid_argument),
                            "\"" + std::string{text} + "\" is not " + what + " (" + hint + ")"};
}

/// All of the text as one number; neither signs nor spaces.
template <class Number>
std::optional<Number> parse_number(std::string_view text, int base = 10) noexcept {
    Number number{};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number, base);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return number;
}

// --- IPv4 -----------------------------------------------------------------------------------------

/// "1.2.3.4" and no other of the notations there once were: elsewhere "010" is 8.
std::optional<std::array<uint8_t, 4>> parse_v4(std::string_view text) noexcept {
    std::array<uint8_t, 4> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto dot = text.find('.');
        const bool last = i + 1 == bytes.size();
        if (last != (dot == std::string_view::npos)) return std::nullopt;
        const auto part = text.substr(0, dot);
        const auto byte = parse_number<uint8_t>(part);
        if (!byte || (part.size() > 1 && part[0] == '0')) return std::nullopt;
        bytes[i] = *byte;
        if (!last) text.remove_prefix(dot + 1);
    }
    return bytes;
}

void append_v4(std::string& text, std::span<const uint8_t> bytes) {
    for (std::size_t i = 0; i < 4; ++i) {
        if (i > 0) text += '.';
        text += std::to_string(bytes[i]);
    }
}

// --- IPv6 -----------------------------------------------------------------------------------------

struct Groups {
    std::array<uint16_t, groups_of_v6> values{};
    std::size_t count = 0;

    bool add(uint32_t value) noexcept {
        if (count == values.size()) return false;
        values[count++] = static_cast<uint16_t>(value);
        return true;
    }
};

/// "a:b:c", where the last may be an IPv4 address. Nothing at all is no group.
bool parse_groups(std::string_view text, bool v4_allowed, Groups& groups) noexcept {
    while (!text.empty()) {
        const auto colon = text.find(':');
        const auto part = text.substr(0, colon);
        if (colon == std::string_view::npos && v4_allowed && part.find('.') != std::string_view::npos) {
            const auto bytes = parse_v4(part);
            if (!bytes) return false;
            const auto& b = *bytes;
            return groups.add(b[0] * 256U + b[1]) && groups.add(b[2] * 256U + b[3]);
        }
        const auto value = parse_number<uint16_t>(part, 16);
        if (!value || part.size() > 4 || !groups.add(*value)) return false;
        if (colon == std::string_view::npos) return true;
        text.remove_prefix(colon + 1);
        if (text.empty()) return false;
    }
    return true;
}

std::optional<std::array<uint8_t, 16>> parse_v6(std::string_view text) noexcept {
    const auto gap = text.find("::");
    const bool has_gap = gap != std::string_view::npos;
    Groups head;
    Groups tail;
    if (!parse_groups(text.substr(0, gap), !has_gap, head)) return std::nullopt;
    if (has_gap && !parse_groups(text.substr(gap + 2), true, tail)) return std::nullopt;
    const std::size_t count = head.count + tail.count;
    if (has_gap ? count >= groups_of_v6 : count != groups_of_v6) return std::nullopt;

    std::copy_n(tail.values.begin(), tail.count, head.values.end() - static_cast<std::ptrdiff_t>(tail.count));
    std::array<uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < groups_of_v6; ++i) {
        bytes[2 * i] = static_cast<uint8_t>(head.values[i] >> 8);
        bytes[2 * i + 1] = static_cast<uint8_t>(head.values[i]);
    }
    return bytes;
}

std::optional<uint32_t> parse_scope(std::string_view text) noexcept {
    if (const auto number = parse_number<uint32_t>(text)) return number;
    std::array<char, IF_NAMESIZE> name{};  // terminated
    if (text.empty() || text.size() >= name.size()) return std::nullopt;
    std::copy(text.begin(), text.end(), name.begin());
    const uint32_t index = ::if_nametoindex(name.data());
    return index == 0 ? std::nullopt : std::optional{index};
}

struct Run {
    std::size_t begin = groups_of_v6;
    std::size_t size = 0;
};

/// The longest run of zero groups, at least two: what "::" stands for. Of equals the first.
Run longest_run_of_zeros(const std::array<uint16_t, groups_of_v6>& groups) noexcept {
    Run longest;
    for (std::size_t begin = 0; begin < groups.size(); ++begin) {
        std::size_t end = begin;
        while (end < groups.size() && groups[end] == 0) ++end;
        if (end - begin >= 2 && end - begin > longest.size) longest = {begin, end - begin};
    }
    return longest;
}

std::string v6_to_string(std::span<const uint8_t, 16> bytes) {
    std::array<uint16_t, groups_of_v6> groups{};
    for (std::size_t i = 0; i < groups.size(); ++i) {
        groups[i] = static_cast<uint16_t>(bytes[2 * i] * 256U + bytes[2 * i + 1]);
    }
    const Run gap = longest_run_of_zeros(groups);
    std::string text;
    if (gap.begin == 0 && gap.size == 5 && groups[5] == 0xffff) {  // an IPv4 address in disguise
        text = "::ffff:";
        append_v4(text, bytes.subspan(12));
        return text;
    }
    for (std::size_t i = 0; i < groups.size();) {
        if (i == gap.begin) {
            text += "::";
            i += gap.size;
            continue;
        }
        if (!text.empty() && text.back() != ':') text += ':';
        std::array<char, 4> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), groups[i++], 16).ptr;
        text.append(digits.data(), end);
    }
    return text;
}

}  // namespace

// --- IpAddress ------------------------------------------------------------------------------------

IpAddress IpAddress::parse(std::string_view text) {
    std::error_code ec;
    const auto ip = parse(text, ec);
    if (ec) throw_not_an("an IP address", text, "such as 127.0.0.1 or ::1");
    return ip;
}

IpAddress IpAddress::parse(std::string_view text, std::error_code& ec) noexcept {
    ec.clear();
    if (const auto bytes = parse_v4(text)) return v4(*bytes);
    const auto percent = text.find('%');
    const bool scoped = percent != std::string_view::npos;
    const auto bytes = parse_v6(text.substr(0, percent));
    const auto scope = scoped ? parse_scope(text.substr(percent + 1)) : std::optional{uint32_t{0}};
    if (bytes && scope) return v6(*bytes, *scope);
    ec = std::make_error_code(std::errc::invalid_argument);
    return {};
}

std::string IpAddress::to_string() const {
    std::string text;
    if (!v6_) {
        append_v4(text, bytes_);
    } else {
        text = v6_to_string(bytes_);
        if (scope_ != 0) text += '%' + std::to_string(scope_);
    }
    return text;
}

// --- Endpoint -------------------------------------------------------------------------------------

Endpoint Endpoint::parse(std::string_view text) {
    std::error_code ec;
    auto endpoint = parse(text, ec);
    if (ec) throw_not_an("an endpoint", text, "such as 127.0.0.1:80, [::1]:80, :80 or unix:/path");
    return endpoint;
}

Endpoint Endpoint::parse(std::string_view text, std::error_code& ec) {
    constexpr std::string_view unix_prefix = "unix:";
    ec.clear();
    if (text.starts_with(unix_prefix) && text.size() > unix_prefix.size()) {
        return unix_path(std::string{text.substr(unix_prefix.size())});
    }
    const auto colon = text.rfind(':');
    if (colon != std::string_view::npos) {
        auto host = text.substr(0, colon);
        const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
        if (bracketed) host = host.substr(1, host.size() - 2);
        const auto ip = host.empty() ? IpAddress{} : IpAddress::parse(host, ec);
        const auto port = parse_number<uint16_t>(text.substr(colon + 1));
        // Without brackets, the last group of an IPv6 address would pass for a port.
        if (!ec && port && ip.is_v6() == bracketed) return {ip, *port};
    }
    ec = std::make_error_code(std::errc::invalid_argument);
    return {};
}

std::string Endpoint::to_string() const {
    if (unix_) return "unix:" + path_;
    const std::string ip = ip_.to_string();
    return (ip_.is_v6() ? "[" + ip + "]" : ip) + ":" + std::to_string(port_);
}

}  // namespace grove::net
