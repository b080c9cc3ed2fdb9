// sse_clock [--port P] [--interval MS]: tells each client of /ticks the number of every tick, as server-sent
// events. One that comes back with a Last-Event-ID goes on from there. At / there is a page that listens.
#include <grove/core/runtime.hpp>
#include <grove/http/router.hpp>
#include <grove/http/server.hpp>
#include <grove/http/sse.hpp>

#include "program.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

using grove::http::Request;
using grove::http::ResponseWriter;

namespace {

constexpr std::string_view page = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>sse_clock</title>
<style>
  body { font: 16px/1.5 sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; color: #222; text-align: center; }
  #tick { font-size: 6rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
  #state { color: #777; }
</style>
<div id="tick">0</div>
<div id="state">connecting</div>
<script>
  const element = id => document.getElementById(id)
  const events = new EventSource('/ticks')
  events.onopen = () => element('state').textContent = 'connected'
  events.onerror = () => element('state').textContent = 'connecting again'
  events.addEventListener('tick', event => element('tick').textContent = event.data)
</script>
)";

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Counts for whoever listens, by server-sent events.", "sse_clock"};
    std::uint16_t port = 8080;
    unsigned interval = 1000;
    add_port(app, port);
    app.add_option("--interval", interval, "milliseconds between two events")->capture_default_str();

    return run_program(app, argc, argv, [&] {
        grove::http::Router router;
        router.get("/", [](Request&, ResponseWriter& response) {
            response.headers.set("Content-Type", "text/html; charset=utf-8");
            response.send(page);
        });
        router.get("/ticks", [&](Request& request, ResponseWriter& response) {
            grove::http::EventStream events{response};
            const std::string last{request.headers.get("last-event-id").value_or("0")};
            std::error_code gone;
            for (auto n = std::strtoull(last.c_str(), nullptr, 10) + 1; !gone; ++n) {
                events.send({.data = std::to_string(n), .event = "tick", .id = std::to_string(n)}, gone);
                grove::sleep(std::chrono::milliseconds{interval});
            }
        });
        grove::http::Server server{{grove::net::IpAddress::loopback(), port}, std::move(router)};
        announce(server.endpoint());
        server.serve_forever();
    });
}
