// What a runtime is for: a greenlet ticks every millisecond while others wait for everything a Unix program
// waits for. How late is the worst tick? `ticker [FILE]`: a file of 1 GiB on a disk, made where it is
// missing; without FILE in /var/tmp, and removed at the end.
//
// The others: read the file from the disk, its pages dropped from the cache; run `sleep 1`; look up a name
// whose server answers after two seconds; shake hands under TLS with a peer that says nothing. The name
// server is in this program, at an address of its own in a mount namespace of its own: for root.

#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/io/file.hpp>
#include <grove/io/process.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/dns.hpp>
#include <grove/net/socket.hpp>
#include <grove/net/tls.hpp>
#include <grove/sync/group.hpp>

#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <sched.h>
#include <span>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace {

using namespace std::chrono_literals;
using grove::Clock;
using grove::net::IpAddress;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr std::size_t file_size = std::size_t{1} << 30U;
constexpr const char* name_server = "127.0.0.77";

// --- a name server that takes its time ---------------------------------------------------------------

/// The C library asks our server from now on. False: not allowed.
bool ask_our_name_server() {
    const std::string path = "/tmp/grove_ticker." + std::to_string(::getpid());
    std::ofstream{path} << "nameserver " << name_server << "\noptions timeout:5 attempts:1\n";
    const bool done = ::unshare(CLONE_NEWNS) == 0 &&
                      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                      ::mount(path.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0;
    ::unlink(path.c_str());
    return done;
}

/// The question again, with 10.0.0.1 for an answer, if it is for an IPv4 address, else with none.
std::vector<std::byte> answer_to(std::span<const std::byte> question) {
    constexpr std::array<unsigned char, 16> address{0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 1};
    auto end = question.begin() + 12;
    while (*end != std::byte{0}) end += 1 + std::to_integer<int>(*end);
    const bool ipv4 = end[2] == std::byte{1};
    std::vector<std::byte> answer{question.begin(), end + 5};
    answer[2] = std::byte{0x81};
    answer[3] = std::byte{0x80};
    std::fill(answer.begin() + 6, answer.begin() + 12, std::byte{0});
    if (ipv4) {
        answer[7] = std::byte{1};
        std::ranges::transform(address, std::back_inserter(answer), [](auto c) { return std::byte{c}; });
    }
    return answer;
}

void serve_names(grove::net::UdpSocket& socket) {
    for (;;) {
        std::array<std::byte, 512> question;
        const auto [n, from] = socket.receive_from(question);
        grove::spawn([&socket, from = from, answer = answer_to(std::span{question}.first(n))] {
            grove::sleep(2s);
            socket.send_to(from, answer);
        });
    }
}

// --- what greenlets wait for ---------------------------------------------------------------------------

void make_file(const std::string& path) {
    std::error_code ec;
    if (grove::status(path, ec).size == file_size && !ec) return;
    grove::File file = grove::File::open(path, grove::OpenMode::write);
    std::vector<std::byte> piece(1 << 20);
    for (std::size_t i = 0; i < piece.size(); ++i) piece[i] = static_cast<std::byte>(i * 31 >> 4U);
    for (std::size_t written = 0; written < file_size; written += piece.size()) grove::write(file, piece);
    file.sync();
}

void read_cold_file(const std::string& path) {
    grove::File file = grove::File::open(path);
    std::vector<std::byte> piece(256 * 1024);
    while (file.read_some(piece) > 0) {
    }
}

void look_up() {
    (void)grove::net::resolve("slow.example", 10s);
}

void shake_hands_with_nobody() {
    grove::net::Listener listener = grove::net::Listener::bind({IpAddress::loopback(), 0});
    auto silent = grove::spawn([&] {
        const auto peer = listener.accept();
        grove::sleep({});
    });
    std::error_code ec;
    const auto context = grove::net::TlsContext::client();
    (void)grove::net::TlsSocket::client(
        grove::net::Socket::connect(listener.local()), context, "localhost", ec, 2s);
    silent.kill();
    silent.join();
}

struct Errand {
    const char* what;
    std::function<void()> run;
    double took_ms = 0;
};

// --- the ticker ------------------------------------------------------------------------------------------

void print(std::vector<Milliseconds> late) {
    std::ranges::sort(late);
    std::printf("%zu ticks of 1 ms, late by: median %.3f, p99 %.3f, p99.9 %.3f, worst %.3f ms\n",
                late.size(),
                late[late.size() / 2].count(),
                late[late.size() * 99 / 100].count(),
                late[late.size() * 999 / 1000].count(),
                late.back().count());
}

void tick_while(std::vector<Errand>& errands) {
    std::size_t left = errands.size();
    for (Errand& errand : errands) {
        grove::spawn([&] {
            const auto start = Clock::now();
            errand.run();
            errand.took_ms = Milliseconds{Clock::now() - start}.count();
            --left;
        });
    }
    std::vector<Milliseconds> late;
    while (left > 0) {
        const auto due = Clock::now() + 1ms;
        grove::sleep(due);
        late.emplace_back(Clock::now() - due);
    }
    for (const Errand& errand : errands) std::printf("  %-44s %8.0f ms\n", errand.what, errand.took_ms);
    print(std::move(late));
}

}  // namespace

int main(int argc, char** argv) {
    const std::string path = argc > 1 ? argv[1] : "/var/tmp/grove-ticker";
    const bool names = ask_our_name_server();
    grove::run([&] {
        make_file(path);
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        ::close(fd);
        std::vector<Errand> errands{
            {"1 GiB from the disk", [&] { read_cold_file(path); }},
            {"a process, sleep 1",
             [] {
                 (void)grove::run_process({"sleep", "1"});
             }},
            {"a TLS handshake with a peer that stalls", shake_hands_with_nobody},
        };
        grove::net::UdpSocket socket;
        grove::Group name_servers;  // ends before the socket
        if (names) {
            socket = grove::net::UdpSocket::bind({IpAddress::parse(name_server), 53});
            name_servers.spawn(serve_names, std::ref(socket));
            errands.push_back({"a name whose server answers after 2 s", look_up});
        } else {
            std::puts("  (no name is looked up: that takes root)");
        }
        tick_while(errands);
    });
    if (argc < 2) std::filesystem::remove(path);
}
