#include <grove/core/greenlet.hpp>
#include <grove/io/file.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/send_file.hpp>

#include "support/bench.hpp"

#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

namespace {

using grove::File;
using grove::net::Endpoint;
using grove::net::IpAddress;
using grove::net::Listener;
using grove::net::Socket;

constexpr std::size_t size = 4 << 20;

/// One transfer of a file that is in memory, of state.range(0) bytes, and its reader.
template <class Send>
void transfer(benchmark::State& state, Send send) {
    const std::string path = "/var/tmp/grove-send-file-bench";
    grove::write_file(path, std::string(size, 'x'));
    auto file = File::open(path);
    std::remove(path.c_str());
    auto listener = Listener::bind(Endpoint{IpAddress::loopback(), 0});
    auto client = Socket::connect(listener.local());
    auto server = listener.accept();
    const auto length = static_cast<std::size_t>(state.range(0));
    std::vector<std::byte> into(length);
    for (auto _ : state) {
        auto reading = grove::spawn([&] { grove::read(client, into); });
        send(server, file, length);
        reading.join();
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

}  // namespace

// CPU is that of the runtime's thread, the reader's included: what this thread does not do, threads of the
// pool do.
void send_file_whole(benchmark::State& state) {
    transfer(state, [](Socket& to, File& file, std::size_t length) {
        grove::net::send_file(to, file, {0, length});
    });
}
GROVE_BENCHMARK(send_file_whole)->Arg(128 << 10)->Arg(1 << 20)->Arg(size)->UseRealTime();

// The same by reading and writing.
void send_file_copied(benchmark::State& state) {
    std::vector<std::byte> buffer(64 << 10);
    transfer(state, [&](Socket& to, File& file, std::size_t length) {
        for (std::size_t at = 0; at < length;) {
            const std::size_t n = file.read_at(at, buffer);
            grove::write(to, std::span{buffer}.first(n));
            at += n;
        }
    });
}
GROVE_BENCHMARK(send_file_copied)->Arg(128 << 10)->Arg(1 << 20)->Arg(size)->UseRealTime();
