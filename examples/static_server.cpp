// static_server --root DIR [--port P] [--latency MS]: serves the files under a directory.
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/http/server.hpp>

#include "program.hpp"

#include <boost/url/parse.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace {

namespace fs = std::filesystem;
using grove::http::Request;
using grove::http::ResponseWriter;

struct MimeType {
    std::string_view extension;
    std::string_view type;
};

constexpr std::array mime_types{
    MimeType{".html", "text/html; charset=utf-8"},
    MimeType{".htm", "text/html; charset=utf-8"},
    MimeType{".css", "text/css; charset=utf-8"},
    MimeType{".js", "text/javascript; charset=utf-8"},
    MimeType{".txt", "text/plain; charset=utf-8"},
    MimeType{".json", "application/json"},
    MimeType{".xml", "application/xml"},
    MimeType{".svg", "image/svg+xml"},
    MimeType{".png", "image/png"},
    MimeType{".jpg", "image/jpeg"},
    MimeType{".gif", "image/gif"},
    MimeType{".ico", "image/x-icon"},
    MimeType{".woff2", "font/woff2"},
    MimeType{".pdf", "application/pdf"},
};

std::string_view mime_type_of(const fs::path& file) {
    const std::string extension = file.extension().string();
    for (const auto& known : mime_types) {
        if (known.extension == extension) return known.type;
    }
    return "application/octet-stream";
}

/// The file or directory a target means, below root; nullopt if it means none, or tries to leave.
/// Symbolic links are followed: who may make them under root decides what is served.
std::optional<fs::path> path_of(const fs::path& root, std::string_view target) {
    const auto url = boost::urls::parse_origin_form(target);
    if (!url) return std::nullopt;
    fs::path path = root / "";
    for (const auto& encoded : url->segments()) {
        const std::string segment{encoded};                                  // percent-decoded
        if (!path.has_filename() && path != root / "") return std::nullopt;  // an empty segment in the middle
        if (segment == ".." || segment.find('/') != segment.npos || segment.find('\0') != segment.npos) {
            return std::nullopt;
        }
        path /= segment;
    }
    return path;
}

struct Found {
    int status = 404;
    std::string bytes{};
};

/// Reads the file. May wait for a disk, so it runs off the greenlets' thread.
Found look_up(const fs::path& path) {
    const fs::path file = path.has_filename() ? path : path / "index.html";
    std::error_code ec;
    const auto status = fs::status(file, ec);
    if (fs::is_directory(status)) return {.status = 301};
    if (!fs::is_regular_file(status)) return {.status = 404};

    std::ifstream in{file, std::ios::binary};
    Found found{.status = 200, .bytes = std::string(fs::file_size(file, ec), '\0')};
    in.read(found.bytes.data(), static_cast<std::streamsize>(found.bytes.size()));
    if (!in) return {.status = 403};
    return found;
}

void refuse(ResponseWriter& response, int status, std::string_view why) {
    response.status = status;
    response.headers.set("Content-Type", "text/plain");
    response.send(why);
}

void serve(const fs::path& root, const Request& request, ResponseWriter& response) {
    if (request.method != "GET" && request.method != "HEAD") {
        response.headers.set("Allow", "GET, HEAD");
        return refuse(response, 405, "This server only gives files.\n");
    }
    const std::string_view target{request.target};
    const auto path = path_of(root, target);
    if (!path) return refuse(response, 404, "There is no such file.\n");

    const Found found = grove::offload([&] { return look_up(*path); });
    if (found.status == 301) {
        response.headers.set("Location", std::string{target.substr(0, target.find('?'))} + '/');
        return refuse(response, 301, "It is a directory.\n");
    }
    if (found.status != 200) return refuse(response, found.status, "There is no such file to read.\n");
    response.headers.set("Content-Type", mime_type_of(path->has_filename() ? *path : "index.html"));
    response.send(found.bytes);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Serves the files under a directory by HTTP.", "static_server"};
    std::string root;
    std::uint16_t port = 8080;
    unsigned latency = 0;
    app.add_option("--root", root, "directory to serve")->required()->check(CLI::ExistingDirectory);
    add_port(app, port);
    app.add_option("--latency", latency, "milliseconds to wait before each answer")->capture_default_str();

    return run_program(app, argc, argv, [&] {
        const auto answer = [&](Request& request, ResponseWriter& response) {
            if (latency > 0) grove::sleep(std::chrono::milliseconds{latency});
            serve(root, request, response);
        };
        grove::http::Server server{{grove::net::IpAddress::loopback(), port}, answer};
        announce(server.endpoint());
        server.serve_forever();
    });
}
