#pragma once

#include <grove/base/time.hpp>
#include <grove/http/server.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace grove::http {

struct ServerSentEvent {
    std::string data{};   ///< lines, as many as you like
    std::string event{};  ///< its type; empty: "message"
    std::string id{};     ///< what the client sends as Last-Event-ID when it connects again; empty: as before
    std::optional<std::chrono::milliseconds> retry{};  ///< how long it waits before that
};

/// A response that goes on for as long as there are events (text/event-stream of the HTML standard). Each
/// event leaves at once. A client that has gone is noticed when something is sent to it: send a comment now
/// and then. One that does not read is stalled, as by ServerOptions. To a HEAD request nothing can be told:
/// after the head, sending fails with Errc::closed.
class EventStream {
public:
    /// Requires: nothing was written before; the writer outlives this.
    explicit EventStream(ResponseWriter& response);

    /// Throws std::invalid_argument if event or id has a line break in it, or the id a NUL. Blocks.
    void send(const ServerSentEvent&, Deadline = {});
    void send(const ServerSentEvent&, std::error_code& ec, Deadline = {});  ///< Blocks.
    /// What clients pass over: keeps the connection alive through proxies. Blocks.
    void comment(std::string_view text = "", Deadline = {});
    void comment(std::string_view text, std::error_code& ec, Deadline = {});  ///< Blocks.

private:
    ResponseWriter& response_;
};

}  // namespace grove::http
