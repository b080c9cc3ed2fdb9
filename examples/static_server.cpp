// static_server --root DIR [--port P] [--latency MS] [--listing] [--compress] [--access-log FILE]
// [--certificate PEM]: serves the files under a directory, with all that browsers ask for.
#include <grove/core/runtime.hpp>
#include <grove/http/server.hpp>
#include <grove/http/static_files.hpp>

#include "program.hpp"

#include <chrono>
#include <cstdint>
#include <string>

using grove::http::Request;
using grove::http::ResponseWriter;

int main(int argc, char** argv) {
    CLI::App app{"Serves the files under a directory by HTTP.", "static_server"};
    std::string root;
    std::string access_log;
    std::string certificate;
    std::uint16_t port = 8080;
    unsigned latency = 0;
    bool listing = false;
    bool compress = false;
    app.add_option("--root", root, "directory to serve")->required()->check(CLI::ExistingDirectory);
    add_port(app, port);
    app.add_option("--latency", latency, "milliseconds to wait before each answer")->capture_default_str();
    app.add_flag("--listing", listing, "show what is in a directory without index.html");
    app.add_flag("--compress", compress, "send text by gzip to who takes it: less network, more CPU");
    app.add_option("--access-log", access_log, "file to append a line per answer to");
    app.add_option("--certificate", certificate, "PEM file with certificate and key: serve HTTPS")
        ->check(CLI::ExistingFile);

    return run_program(app, argc, argv, [&] {
        grove::http::ServerOptions options;
        if (compress) options.compression = grove::http::Compression{};
        if (!access_log.empty()) options.access_log = {.file = access_log};
        if (!certificate.empty()) {
            options.tls =
                grove::net::TlsContext::server({.certificate_file = certificate, .alpn = {"http/1.1"}});
        }
        const grove::http::StaticFiles files{root, {.listing = listing}};
        const auto answer = [&](Request& request, ResponseWriter& response) {
            if (latency > 0) grove::sleep(std::chrono::milliseconds{latency});
            files(request, response);
        };
        grove::http::Server server{{grove::net::IpAddress::loopback(), port}, answer, options};
        announce(server.endpoint());
        server.serve_forever();
    });
}
