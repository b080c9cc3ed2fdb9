#include "http/head_text.hpp"

#include "http/date.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <iterator>

namespace grove::detail {

namespace {

struct Reason {
    int status;
    std::string_view text;
};

constexpr Reason reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

/// The date line as it was at its last use on this thread.
struct DateLine {
    std::time_t second = -1;
    std::size_t size = 0;
    std::array<char, 64> text;
};

void format(DateLine& line, std::time_t second) {
    const std::string text = "Date: " + http_date(second) + "\r\n";
    line.second = second;
    line.size = text.copy(line.text.data(), line.text.size());
}

}  // namespace

void append_date(std::string& out) {
    static constinit thread_local DateLine line{-1, 0, {}};
    if (const std::time_t second = std::time(nullptr); second != line.second) format(line, second);
    out.append(line.text.data(), line.size);
}

std::string status_text(int status) {
    std::string text = std::to_string(status);
    text.append(" ").append(reason_of(status)).append("\n");
    return text;
}

void append_status_line(std::string& out, int status) {
    if (status == 200) {
        out += "HTTP/1.1 200 OK\r\n";
        return;
    }
    out += "HTTP/1.1 ";
    append_number(out, static_cast<std::uint64_t>(status));
    out += ' ';
    out += reason_of(status);
    out += "\r\n";
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
}

void append_number(std::string& out, std::uint64_t number, int base) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
    out.append(digits.data(), end);
}

std::string_view reason_of(int status) noexcept {
    const auto* found = std::ranges::lower_bound(reasons, status, {}, &Reason::status);
    return found != std::end(reasons) && found->status == status ? found->text : std::string_view{};
}

}  // namespace grove::detail
