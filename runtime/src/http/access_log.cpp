#include "http/access_log.hpp"

#include "http/date.hpp"
#include "http/head_text.hpp"

#include <ctime>

namespace grove::detail {

namespace {

/// What a peer may have chosen, in a form that ends neither the line nor the quotation.
void append_escaped(std::string& line, std::string_view text) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
            line += c;
        } else {
            line += "\\x";
            line += digits[byte >> 4];
            line += digits[byte & 15];
        }
    }
}

void append_quoted(std::string& line, std::string_view text) {
    line += " \"";
    append_escaped(line, text.empty() ? "-" : text);
    line += '"';
}

/// The line's time, as it was at its last use on this thread.
const std::string& time_now() {
    static thread_local std::time_t second = -1;
    static thread_local std::string text;
    if (const std::time_t now = std::time(nullptr); now != second) {
        text = log_date(now);
        second = now;
    }
    return text;
}

}  // namespace

std::string access_log_line(const AccessLogEntry& entry, http::AccessLogFormat format) {
    std::string line = entry.peer.is_unix() ? "unix:" : entry.peer.ip().to_string();
    line.append(" - - [").append(time_now()).append("] \"");
    if (entry.request.method.empty()) {
        line += '-';
    } else {
        append_escaped(line, entry.request.method);
        line += ' ';
        append_escaped(line, entry.request.target);
        line += entry.http11 ? " HTTP/1.1" : " HTTP/1.0";
    }
    line += "\" ";
    append_number(line, static_cast<std::uint64_t>(entry.status));
    line += ' ';
    append_number(line, entry.bytes);
    if (format == http::AccessLogFormat::combined) {
        append_quoted(line, entry.request.headers.get("referer").value_or(""));
        append_quoted(line, entry.request.headers.get("user-agent").value_or(""));
    }
    return line;
}

}  // namespace grove::detail
