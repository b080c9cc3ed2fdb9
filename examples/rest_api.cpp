// rest_api [--port P]: notes that are made, read, changed and deleted, by whoever knows the password.
#include <grove/core/runtime.hpp>
#include <grove/http/router.hpp>

#include "program.hpp"

#include <cstdint>
#include <map>
#include <string>

using grove::http::Next;
using grove::http::Request;
using grove::http::ResponseWriter;

namespace {

void answer(ResponseWriter& response, int status, const std::string& text) {
    response.status = status;
    response.send(text);
}

void check_password(Request& request, ResponseWriter& response, const Next& next) {
    if (request.headers.get("authorization") == "Bearer sesame") return next(request, response);
    response.headers.set("WWW-Authenticate", "Bearer");
    answer(response, 401, "Who are you?\n");
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Keeps notes, by HTTP.", "rest_api"};
    std::uint16_t port = 8080;
    add_port(app, port);

    return run_program(app, argc, argv, [&] {
        // No lock: between two calls that block nothing changes under a greenlet. write() and send() do
        // block, and then others change notes: no iterator, reference or view into it may be in use
        // meanwhile.
        std::map<std::string, std::string, std::less<>> notes;
        grove::http::Router router;
        router.use(check_password);
        router.get("/notes", [&](Request&, ResponseWriter& response) {
            std::string list;
            for (const auto& [name, text] : notes) list += name + "\n";
            response.send(list);
        });
        router.get("/notes/{name}", [&](Request& request, ResponseWriter& response) {
            const auto note = notes.find(request.parameters.at("name"));
            if (note == notes.end()) return answer(response, 404, "No such note.\n");
            const std::string text = note->second;  // a copy: who is slow to read it may see it deleted
            answer(response, 200, text);
        });
        router.put("/notes/{name}", [&](Request& request, ResponseWriter& response) {
            std::string text = request.body.read_all(64 * 1024);
            const bool is_new =
                notes.insert_or_assign(std::string{request.parameters.at("name")}, text).second;
            answer(response, is_new ? 201 : 200, text);
        });
        router.remove("/notes/{name}", [&](Request& request, ResponseWriter& response) {
            response.status = notes.erase(std::string{request.parameters.at("name")}) > 0 ? 204 : 404;
        });
        grove::http::Server server{{grove::net::IpAddress::loopback(), port}, std::move(router)};
        announce(server.endpoint());
        server.serve_forever();
    });
}
