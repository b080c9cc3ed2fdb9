#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/net/dns.hpp>

#include "core/scheduler.hpp"
#include "net/loopback.hpp"
#include "net/resolver.hpp"
#include "support/grove_test.hpp"
#include "support/thrown.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ostream>
#include <thread>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::spawn;
using grove::detail::Resolved;
using grove::net::IpAddress;
using grove::net::resolve;

namespace {

void use(grove::detail::Resolver::LookUp look_up) {
    grove::detail::Scheduler::here()->service<grove::detail::Resolver>().set_look_up(look_up);
}

// How many look-ups are under way, at most at once, and how many came to their end.
std::atomic<int> running{0};
std::atomic<int> most{0};
std::atomic<int> finished{0};

Resolved quick(const std::string& host) {
    ++finished;
    return {.addresses = {IpAddress::parse(host == "b" ? "10.0.0.2" : "10.0.0.1")}, .ec = {}};
}

/// While it lives, look-ups wait until it opens.
class Gate {
public:
    Gate() {
        opened = false;
        running = most = finished = 0;
        use([](const std::string& host) {
            const int now_running = ++running;
            for (int before = most;
                 now_running > before && !most.compare_exchange_weak(before, now_running);) {
            }
            opened.wait(false);
            --running;
            return quick(host);
        });
    }
    ~Gate() { open(); }
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    void open() {
        opened = true;
        opened.notify_all();
    }
    static void until_running(int n) {
        while (running < n) grove::sleep(1ms);
    }

private:
    static inline std::atomic<bool> opened{false};
};

Resolved no_server(const std::string&) {
    return {.addresses = {}, .ec = std::make_error_code(std::errc::resource_unavailable_try_again)};
}

}  // namespace

TEST_SUITE_BEGIN("net/dns");

GROVE_TEST("a literal address is returned as it is") {
    const grove::NoSwitch forbidden;
    CHECK(resolve("127.0.0.1") == std::vector{IpAddress::loopback()});
    CHECK(resolve("::1") == std::vector{IpAddress::parse("::1")});
}

GROVE_TEST("localhost and what is below it is this machine, and nobody is asked") {
    use([](const std::string&) -> Resolved { std::abort(); });
    const grove::NoSwitch forbidden;
    const std::vector both{IpAddress::loopback(), IpAddress::parse("::1")};
    for (const auto* name : {"localhost", "LocalHost", "localhost.", "app.localhost", "a.b.LOCALHOST."}) {
        const auto addresses = resolve(name);
        CHECK_MESSAGE(addresses == both, name);
    }
}

GROVE_TEST_REAL("what only looks like localhost is a name like any other") {
    use(&no_server);
    for (const auto* name : {"mylocalhost", "localhost.example", ".localhost", "localhost..", "local"}) {
        std::error_code ec;
        CHECK_MESSAGE(resolve(name, ec, patience).empty(), name);
    }
}

GROVE_TEST_REAL("what cannot be a name is no host, and nobody is asked") {
    use([](const std::string&) -> Resolved { std::abort(); });
    for (const auto& name : {std::string{}, std::string(300, 'x'), std::string{"a\0b", 3}}) {
        std::error_code ec;
        CHECK(resolve(name, ec).empty());
        CHECK(ec == Errc::no_such_host);
    }
}

GROVE_TEST_REAL("a failure is told, and names the host") {
    use(&no_server);
    std::error_code ec;
    CHECK(resolve("example.org", ec, patience).empty());
    CHECK(ec == std::errc::resource_unavailable_try_again);
    CHECK(error_of([] {
              (void)resolve("example.org", patience);
          }).starts_with("resolve example.org: no name server answers: "));
}

GROVE_TEST_REAL("while one looks up, others run, and each gets its own answer") {
    Gate gate;
    auto a = spawn([] { return resolve("a", patience); });
    auto b = spawn([] { return resolve("b", patience); });
    gate.until_running(2);
    CHECK_FALSE(a.ready());
    CHECK_FALSE(b.ready());
    gate.open();
    CHECK(a.get().at(0) == IpAddress::parse("10.0.0.1"));
    CHECK(b.get().at(0) == IpAddress::parse("10.0.0.2"));
}

GROVE_TEST_REAL("there are never more threads than eight, and all look-ups get their turn") {
    Gate gate;
    std::vector<grove::Greenlet<std::vector<IpAddress>>> all;
    for (int i = 0; i < 20; ++i) {
        all.push_back(spawn([i] { return resolve("host" + std::to_string(i), patience); }));
    }
    gate.until_running(8);
    gate.open();
    grove::join_all(all);
    for (auto& one : all) CHECK(one.get().size() == 1);
    CHECK(most == 8);
}

GROVE_TEST_REAL("a look-up that outlives its deadline, its Timeout or its greenlet is left alone") {
    Gate gate;
    std::error_code ec;
    CHECK(resolve("a", ec, 5ms).empty());
    CHECK(ec == std::errc::timed_out);

    const bool in_time = grove::try_with_timeout(5ms, [] { (void)resolve("c"); });
    CHECK_FALSE(in_time);

    auto asking = spawn([] { (void)resolve("d"); });
    gate.until_running(3);
    asking.kill();
    CHECK(asking.join(patience));
    CHECK(asking.killed());

    gate.open();
    while (finished < 3) grove::sleep(1ms);
    CHECK(resolve("b", patience).at(0) == IpAddress::parse("10.0.0.2"));
}

GROVE_TEST_REAL("greenlets that ask for the same host at once share one look-up") {
    Gate gate;
    std::vector<grove::Greenlet<std::vector<IpAddress>>> all;
    for (int i = 0; i < 20; ++i) all.push_back(spawn([] { return resolve("b", patience); }));
    std::error_code ec;
    (void)resolve("b", ec, 1ms);
    CHECK(ec == std::errc::timed_out);
    gate.open();
    grove::join_all(all);
    for (auto& one : all) CHECK(one.get().at(0) == IpAddress::parse("10.0.0.2"));
    CHECK(finished == 1);
}

GROVE_TEST("an answer is used again for a while, without a switch; a failure is not") {
    use(&quick);
    grove::net::set_dns_options({.cache_time = 30s});
    finished = 0;
    (void)resolve("a");
    grove::sleep(29s);
    {
        const grove::NoSwitch forbidden;
        CHECK(resolve("a").at(0) == IpAddress::parse("10.0.0.1"));
    }
    CHECK(finished == 1);
    grove::sleep(2s);
    (void)resolve("a");
    CHECK(finished == 2);

    use(&no_server);
    std::error_code ec;
    (void)resolve("c", ec);
    CHECK(ec == std::errc::resource_unavailable_try_again);
    use(&quick);
    CHECK(resolve("c").size() == 1);
}

GROVE_TEST_REAL("the cache can be switched off, and is never larger than it may") {
    use(&quick);
    grove::net::set_dns_options({.cache_time = 0s});
    finished = 0;
    (void)resolve("a", patience);
    (void)resolve("a", patience);
    CHECK(finished == 2);

    grove::net::set_dns_options({.cache_size = 2});
    for (const auto* host : {"a", "b", "c"}) (void)resolve(host, patience);
    finished = 0;
    (void)resolve("b", patience);
    (void)resolve("c", patience);
    CHECK(finished == 0);
    (void)resolve("a", patience);  // was the oldest
    CHECK(finished == 1);
}

TEST_CASE("the end of the runtime waits for look-ups that nobody waits for any more") {
    grove::run([] {
        Gate gate;
        std::error_code ec;
        (void)resolve("a", ec, 1ms);
        CHECK(ec == std::errc::timed_out);
        gate.until_running(1);
        CHECK(finished == 0);
    });
    CHECK(finished == 1);
}

GROVE_TEST_REAL("slow look-ups do not keep offload from its threads") {
    Gate gate;
    std::vector<grove::GreenletRef> asking;
    for (int i = 0; i < 8; ++i) {
        asking.push_back(spawn([i] { (void)resolve("host" + std::to_string(i), patience); }));
    }
    gate.until_running(8);
    const int result = grove::offload([] { return 42; });
    CHECK(result == 42);
    gate.open();
    grove::join_all(asking);
}

TEST_CASE("on a plain thread it runs right there") {
    std::error_code ec;
    CHECK(std::ranges::all_of(resolve("localhost", ec), &IpAddress::is_loopback));
    CHECK_FALSE(ec);
}

TEST_SUITE_END();
