#include <grove/http/sse.hpp>

#include "http/access.hpp"
#include "http/response_stream.hpp"

#include <stdexcept>
#include <system_error>

namespace grove::http {

namespace {

/// "name: line\n" for each line, however its end is written.
void append_lines(std::string& out, std::string_view name, std::string_view text) {
    for (;;) {
        const auto end = text.find_first_of("\r\n");
        out.append(name).append(": ").append(text.substr(0, end)).append("\n");
        if (end == text.npos) return;
        text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
    }
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    if (value.find_first_of(std::string_view{"\r\n\0", 3}) != value.npos) {
        throw std::invalid_argument{"http: the " + std::string{name} +
                                    " of an event has a line break or a NUL in it"};
    }
    if (!value.empty()) out.append(name).append(": ").append(value).append("\n");
}

std::string text_of(const ServerSentEvent& event) {
    std::string text;
    append_field(text, "event", event.event);
    append_field(text, "id", event.id);
    if (event.retry) append_field(text, "retry", std::to_string(event.retry->count()));
    append_lines(text, "data", event.data);
    return text += '\n';
}

std::string text_of_comment(std::string_view comment) {
    std::string text;
    append_lines(text, "", comment);
    return text += '\n';
}

}  // namespace

EventStream::EventStream(ResponseWriter& response) : response_{response} {
    response_.headers.set("Content-Type", "text/event-stream");
    response_.headers.set("Cache-Control", "no-cache");
}

void EventStream::send(const ServerSentEvent& event, Deadline by) {
    std::error_code ec;
    send(event, ec, by);
    if (ec) throw std::system_error{ec, "http: sending an event"};
}

void EventStream::send(const ServerSentEvent& event, std::error_code& ec, Deadline by) {
    detail::HttpAccess::stream(response_).write_endless(response_, text_of(event), ec, by);
}

void EventStream::comment(std::string_view text, Deadline by) {
    std::error_code ec;
    comment(text, ec, by);
    if (ec) throw std::system_error{ec, "http: sending a comment"};
}

void EventStream::comment(std::string_view text, std::error_code& ec, Deadline by) {
    detail::HttpAccess::stream(response_).write_endless(response_, text_of_comment(text), ec, by);
}

}  // namespace grove::http
