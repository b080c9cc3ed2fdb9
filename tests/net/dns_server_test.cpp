// Names, asked of a real server: dnsmasq on loopback, in a network of the test's own. Two seconds of waiting
// are the subject here.

#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/io/process.hpp>
#include <grove/net/dns.hpp>
#include <grove/net/udp_socket.hpp>
#include <grove/sync/group.hpp>

#include "net/loopback.hpp"
#include "support/child_process.hpp"
#include "support/own_network.hpp"
#include "support/thrown.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <ostream>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::spawn;
using grove::net::Endpoint;
using grove::net::IpAddress;
using grove::net::resolve;
using grove::net::UdpSocket;

namespace {

// --- In a process and a network of its own ----------------------------------------------------------

constexpr int refused = 77;

/// What a case in the child found wrong; doctest is the parent's.
void expect(bool good, const char* what) {
    if (!good) std::cerr << "not so: " << what << '\n';
}

/// Runs the case in a runtime whose names come from that server, who has so long for an answer. Nothing if
/// namespaces are refused.
void with_server(const std::string& server, std::chrono::seconds time_limit, void (*body)()) {
    const auto end = run_child([&] {
        const auto why =
            enter_own_network("search .\nnameserver " + server +
                              "\noptions attempts:1 timeout:" + std::to_string(time_limit.count()) + '\n');
        if (!why.empty()) {
            std::cerr << why;
            ::_exit(refused);
        }
        grove::run(body);
    });
    if (end.exit_code == refused) {
        MESSAGE("left out: the system refuses a network of its own: " << end.errors);
        return;
    }
    CHECK(end.exit_code == 0);
    CHECK(end.errors == "");
}

/// A dnsmasq that knows the hosts below .test, each of which is 10.0.0.7, but for unknown.test.
class Dnsmasq {
public:
    Dnsmasq() {
        process_ = grove::Process::start({.argv = {"setpriv",
                                                   "--pdeathsig=KILL",
                                                   "/usr/sbin/dnsmasq",
                                                   "--keep-in-foreground",
                                                   "--conf-file=/dev/null",
                                                   "--pid-file=",
                                                   "--user=root",
                                                   "--no-hosts",
                                                   "--no-resolv",
                                                   "--listen-address=127.0.0.1",
                                                   "--bind-interfaces",
                                                   "--address=/test/10.0.0.7",
                                                   "--local=/unknown.test/",
                                                   "--log-queries",
                                                   "--log-facility=/etc/log"},
                                          .errors = grove::Stdio::output()});
        while (log().find("started") == std::string::npos) {
            if (process_.wait(1ms)) throw std::runtime_error{"dnsmasq ended: " + log()};
        }
    }
    ~Dnsmasq() {
        process_.kill(SIGKILL);
        const grove::Shield shield;
        process_.wait();
    }
    Dnsmasq(const Dnsmasq&) = delete;
    Dnsmasq& operator=(const Dnsmasq&) = delete;

    /// How often it was asked for the IPv4 address of a host.
    [[nodiscard]] static int queries(const std::string& host) {
        const auto text = log();
        int count = 0;
        const auto wanted = "query[A] " + host + ' ';
        for (auto at = text.find(wanted); at != text.npos; at = text.find(wanted, at + 1)) ++count;
        return count;
    }

private:
    [[nodiscard]] static std::string log() {
        std::ifstream file{"/etc/log"};
        return {std::istreambuf_iterator{file}, {}};
    }

    grove::Process process_;
};

const Endpoint dnsmasq_at = Endpoint::parse("127.0.0.1:53");

/// Passes queries on to dnsmasq, but answers only when it may.
class SlowServer {
public:
    explicit SlowServer(const char* at) : front_{UdpSocket::bind(Endpoint::parse(at))} {
        relay_ = spawn([this] { serve(); });
    }
    ~SlowServer() {
        relay_.kill();
        const grove::Shield shield;
        relay_.join();
    }
    SlowServer(const SlowServer&) = delete;
    SlowServer& operator=(const SlowServer&) = delete;

    /// How often each name was asked for, by the first label, both kinds of address.
    std::map<std::string, int> asked;
    int answered = 0;
    grove::Clock::duration delay{};

private:
    void serve() {
        grove::TaskGroup group;
        for (;;) {
            std::array<std::byte, 512> buffer;
            const auto [n, from] = front_.receive_from(buffer);
            std::string query = text(std::span{buffer}.first(n));
            ++asked[query.substr(13, static_cast<unsigned char>(query[12]))];
            group.spawn([this, query, to = from] {
                grove::sleep(delay);
                auto back = UdpSocket::connect(dnsmasq_at);
                back.send(bytes(query));
                std::array<std::byte, 512> answer;
                const std::size_t size = back.receive(answer, patience);
                front_.send_to(to, std::span{answer}.first(size));
                ++answered;
            });
        }
    }

    UdpSocket front_;
    grove::GreenletRef relay_;
};

bool is_right(const std::vector<IpAddress>& addresses) {
    return addresses == std::vector{IpAddress::parse("10.0.0.7")};
}

// --- The cases --------------------------------------------------------------------------------------

void normal() {
    const Dnsmasq server;
    expect(is_right(resolve("one.test", patience)), "an answer");
    std::vector<grove::Greenlet<std::vector<IpAddress>>> all;
    for (int i = 0; i < 20; ++i) all.push_back(spawn([] { return resolve("shared.test", patience); }));
    for (auto& one : all) expect(is_right(one.get()), "an answer for each");
    (void)resolve("shared.test", patience);
    expect(server.queries("shared.test") == 1, "one question for all, and the answer is used again");
    grove::net::set_dns_options({.cache_time = 0s});
    (void)resolve("shared.test", patience);
    expect(server.queries("shared.test") == 2, "without the cache, another question");
    expect(code_of([] { (void)resolve("unknown.test", patience); }) == Errc::no_such_host, "no such host");
    expect(resolve("localhost", patience).front().is_loopback(), "localhost without a hosts file");
}

void slow() {
    const Dnsmasq dnsmasq;
    SlowServer server{"127.0.0.2:53"};
    server.delay = 2s;
    int ticks = 0;
    const auto ticker = spawn([&] {
        for (;; ++ticks) grove::sleep(10ms);
    });
    const auto start = grove::Clock::now();
    std::vector<grove::Greenlet<std::vector<IpAddress>>> all;
    for (int i = 0; i < 24; ++i) {  // twelve hosts, each asked for twice
        all.push_back(spawn([i] { return resolve("host" + std::to_string(i / 2) + ".test", patience); }));
    }
    while (server.asked.size() < 8) grove::sleep(1ms);
    std::error_code ec;
    (void)resolve("host0.test", ec, 50ms);
    expect(ec == std::errc::timed_out, "a deadline ends the wait");
    (void)resolve("late.test", ec, 50ms);
    expect(ec == std::errc::timed_out, "also in the queue for a thread");
    expect(server.answered == 0, "before any answer");
    expect(server.asked.size() == 8, "no more than eight at once");
    server.delay = {};  // for those who come later
    for (auto& one : all) expect(is_right(one.get()), "an answer for each");
    expect(grove::Clock::now() - start >= 2s, "after two seconds");
    for (const auto& [host, times] : server.asked) expect(times == 2, "A and AAAA, once");
    expect(ticks >= 50, "others ran meanwhile");
    ticker.kill();
    ticker.join();
}

void silent() {
    const auto server = UdpSocket::bind(Endpoint::parse("127.0.0.3:53"));
    int ticks = 0;
    const auto ticker = spawn([&] {
        for (;; ++ticks) grove::sleep(10ms);
    });
    expect(error_of([] { (void)resolve("a.test", patience); }) ==
               "resolve a.test: no name server answers: Resource temporarily unavailable",
           "a clear error");
    expect(ticks >= 20, "others ran meanwhile");
    ticker.kill();
    ticker.join();
}

void refusing() {
    std::error_code ec;
    (void)resolve("a.test", ec, patience);
    expect(ec == std::errc::resource_unavailable_try_again, "nobody listens there");
}

}  // namespace

TEST_SUITE_BEGIN("net/dns_server");

TEST_CASE("a server that answers") {
    with_server("127.0.0.1", 10s, &normal);
}

TEST_CASE("a server that takes two seconds holds up nobody else") {
    with_server("127.0.0.2", 10s, &slow);
}

TEST_CASE("a server that says nothing is a clear error") {
    with_server("127.0.0.3", 1s, &silent);
}

TEST_CASE("a server that is not there is the same, at once") {
    with_server("127.0.0.4", 10s, &refusing);
}

TEST_SUITE_END();
