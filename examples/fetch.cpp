// fetch URL [--output FILE] [--ca FILE]: writes what is there to a file or to stdout, as it comes in, and
// says on stderr how far it is. Follows redirects; https too.
#include <grove/http/client.hpp>
#include <grove/io/file.hpp>
#include <grove/io/pipe.hpp>
#include <grove/io/stream.hpp>

#include "program.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <optional>
#include <stdexcept>

using namespace std::chrono_literals;

namespace {

constexpr auto longest_silence = 60s;

/// open: makes what is written to, once there is something to write.
template <class Open>
void fetch(grove::http::Client& client, const std::string& url, Open open) {
    auto response = client.open({.url = url}, longest_silence);
    if (response.status() != 200) {
        throw std::runtime_error{"GET " + response.url() + ": status " + std::to_string(response.status())};
    }
    auto out = open();
    std::uint64_t done = 0;
    std::array<std::byte, 16 * 1024> piece;
    while (const auto n = response.read_some(piece, longest_silence)) {
        grove::write(out, std::span{piece}.first(n));
        done += n;
        std::cerr << '\r' << done;
        if (const auto length = response.length()) std::cerr << " of " << *length;
        std::cerr << " bytes" << std::flush;
    }
    std::cerr << "\nfrom " << response.url() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Fetches what is at a URL.", "fetch"};
    std::string url, output, authority;
    app.add_option("url", url, "of http or https")->required();
    app.add_option("--output", output, "file to write; if not given, stdout");
    app.add_option("--ca", authority, "PEM file: trusted as well");

    return run_program(app, argc, argv, [&] {
        grove::http::Client client{{.tls = grove::net::TlsContext::client({.ca_file = authority})}};
        if (output.empty()) return fetch(client, url, &grove::standard_output);
        fetch(client, url, [&] { return grove::File::open(output, grove::OpenMode::write); });
    });
}
