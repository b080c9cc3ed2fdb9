// websocket_chat [--port P]: a room at /ROOM for everybody who connects to it by WebSocket. At / there is a
// page that does; /#kitchen leads to another room than the lobby.
#include <grove/core/runtime.hpp>
#include <grove/http/router.hpp>
#include <grove/http/websocket.hpp>
#include <grove/sync/group.hpp>
#include <grove/sync/queue.hpp>

#include "program.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

using grove::http::Request;
using grove::http::ResponseWriter;
using grove::http::WebSocket;

namespace {

using Mailbox = grove::Queue<std::string>;
using Room = std::set<Mailbox*>;
using Rooms = std::map<std::string, Room>;  // those that somebody is in

constexpr std::string_view page = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>websocket_chat</title>
<style>
  body { font: 16px/1.5 sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
  h1 { font-size: 1.3rem; }
  #state { color: #777; font-weight: normal; }
  #messages { list-style: none; margin: 1rem 0; padding: .5rem 1rem; height: 60vh; overflow: auto; overflow-wrap: anywhere; }
  form { display: flex; gap: .5rem; }
  #messages, input, button { border: 1px solid #ccc; border-radius: 6px; }
  input, button { font: inherit; padding: .3rem .8rem; }
  input { flex: 1; min-width: 0; }
</style>
<h1>Room <span id="room"></span> <span id="state">connecting</span></h1>
<ul id="messages" aria-live="polite"></ul>
<form>
  <input id="text" aria-label="Message" placeholder="Say something" autocomplete="off" autofocus>
  <button>Send</button>
</form>
<script>
  const element = id => document.getElementById(id)
  const room = decodeURIComponent(location.hash.slice(1)) || 'lobby'
  const socket = new WebSocket(`ws://${location.host}/${encodeURIComponent(room)}`)
  element('room').textContent = room
  socket.onopen = () => {
    element('state').textContent = 'connected'
    socket.send('Somebody came in.')
  }
  socket.onclose = () => element('state').textContent = 'not connected'
  socket.onmessage = event => {
    const line = document.createElement('li')
    line.textContent = event.data
    element('messages').append(line)
    line.scrollIntoView()
  }
  document.querySelector('form').onsubmit = event => {
    event.preventDefault()
    if (element('text').value) socket.send(element('text').value)
    element('text').value = ''
  }
  onhashchange = () => location.reload()
</script>
)";

void chat(Rooms& rooms, const std::string& name, WebSocket socket) {
    Mailbox mailbox{100};  // who is slower than that misses some
    Room& room = rooms[name];
    room.insert(&mailbox);
    struct Leave {
        ~Leave() {
            room.erase(&mailbox);
            if (room.empty()) rooms.erase(name);
        }
        Rooms& rooms;
        const std::string& name;
        Room& room;
        Mailbox& mailbox;
    } leave{rooms, name, room, mailbox};
    grove::Group writer;  // ends with this scope
    writer.spawn([&] {
        for (std::error_code ec; !ec;) socket.send(mailbox.get(), ec);
    });
    std::error_code gone;
    while (auto message = socket.receive(gone)) {
        for (Mailbox* each : room) (void)each->put_nowait(std::string{message->data});
    }
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Chat rooms by WebSocket.", "websocket_chat"};
    std::uint16_t port = 8080;
    add_port(app, port);

    return run_program(app, argc, argv, [&] {
        Rooms rooms;
        grove::http::Router router;
        router.get("/", [](Request&, ResponseWriter& response) {
            response.headers.set("Content-Type", "text/html; charset=utf-8");
            response.send(page);
        });
        router.get("/{room}", [&](Request& request, ResponseWriter& response) {
            const std::string name{request.parameters.at("room")};
            chat(rooms, name, WebSocket::accept(request, response));  // no room for who is refused
        });
        grove::http::Server server{{grove::net::IpAddress::loopback(), port}, std::move(router)};
        announce(server.endpoint());
        server.serve_forever();
    });
}
