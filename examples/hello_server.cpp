// hello_server [--port P] [--model greenlets|threads|gil_threads] [--file PATH]: answers every request with
// "Hello, World!", or with the bytes of a file. Its handler is the same for each model of running it.
#include <grove/core/runtime.hpp>
#include <grove/http/server.hpp>

#include "program.hpp"

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <system_error>

namespace {

using grove::net::Model;

const std::map<std::string, Model> models{
    {"greenlets", Model::greenlets},      // one greenlet per connection
    {"threads", Model::threads},          // one OS thread per connection
    {"gil_threads", Model::gil_threads},  // the same, but one runs at a time
};

std::string contents_of(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    std::string bytes{std::istreambuf_iterator{in}, {}};
    if (!in) throw std::system_error{errno, std::system_category(), "read " + path};
    return bytes;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Answers every HTTP request with \"Hello, World!\".", "hello_server"};
    std::uint16_t port = 8080;
    std::string model = "greenlets";
    std::string file;
    add_port(app, port);
    app.add_option("--model", model, "what runs a connection")
        ->capture_default_str()
        ->check(CLI::IsMember{{"greenlets", "threads", "gil_threads"}});
    app.add_option("--file", file, "answer with the bytes of this file")->check(CLI::ExistingFile);

    return run_program(app, argc, argv, [&] {
        const std::string body = file.empty() ? "Hello, World!" : contents_of(file);
        const std::string type = file.ends_with(".html") ? "text/html; charset=utf-8" : "text/plain";
        const auto answer = [&](grove::http::Request&, grove::http::ResponseWriter& response) {
            response.headers.set("Content-Type", type);
            response.send(body);
        };
        grove::http::Server server{
            {grove::net::IpAddress::loopback(), port}, answer, {.net = {.model = models.at(model)}}};
        announce(server.endpoint());
        server.serve_forever();
    });
}
