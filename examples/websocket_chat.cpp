// websocket_chat [--port P]: a room at /ROOM for everybody who connects to it by WebSocket.
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

using grove::http::Request;
using grove::http::ResponseWriter;
using grove::http::WebSocket;

namespace {

using Mailbox = grove::Queue<std::string>;
using Room = std::set<Mailbox*>;

void chat(Room& room, WebSocket socket) {
    Mailbox mailbox{100};  // who is slower than that misses some
    room.insert(&mailbox);
    struct Leave {
        ~Leave() { room.erase(&mailbox); }
        Room& room;
        Mailbox& mailbox;
    } leave{room, mailbox};
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
        std::map<std::string, Room> rooms;
        grove::http::Router router;
        router.get("/{room}", [&](Request& request, ResponseWriter& response) {
            chat(rooms[std::string{request.parameters.at("room")}], WebSocket::accept(request, response));
        });
        grove::http::Server server{{grove::net::IpAddress::loopback(), port}, std::move(router)};
        announce(server.endpoint());
        server.serve_forever();
    });
}
