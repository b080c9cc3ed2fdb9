#include <grove/base/error.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>

#include "support/flag.hpp"
#include "support/grove_test.hpp"

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using grove::GreenletRef;
using grove::spawn;
using grove::testing::Flag;

namespace {

void fail(const char* what) {
    throw std::runtime_error{what};
}

std::string message_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return e.what();
    }
}

}  // namespace

TEST_SUITE_BEGIN("core/greenlet");

GROVE_TEST("a stack larger than there can be is refused, not cut") {
    const auto spawn_with = [](std::size_t size) { spawn({.stack_size = size}, [] {}); };
    CHECK_THROWS_AS(spawn_with((std::size_t{1} << 32U) + 64 * 1024), std::invalid_argument);
}

GROVE_TEST("join_all passes over empty handles") {
    const std::vector<GreenletRef> some{GreenletRef{}, spawn([] { grove::yield(); })};
    grove::join_all(some);
    CHECK(some[1].ready());
    CHECK(grove::join_all(some, 1s));
}

// --- Start and result ----------------------------------------------------------------------------------

GROVE_TEST("spawn does not switch; join waits; get gives the result") {
    bool ran = false;
    auto g = spawn([&] {
        ran = true;
        return std::string{"done"};
    });
    CHECK_FALSE(ran);
    CHECK_FALSE(g.ready());

    g.join();

    CHECK(ran);
    CHECK(g.successful());
    CHECK(g.get() == "done");
    CHECK(std::move(g).get() == "done");
}

GROVE_TEST_FIFO("greenlets run in the order they were spawned") {
    std::string order;
    std::vector<grove::Greenlet<>> all;
    for (char c = 'a'; c <= 'e'; ++c) all.push_back(spawn([&order](char name) { order += name; }, c));
    grove::join_all(all);
    CHECK(order == "abcde");
}

GROVE_TEST("arguments are copied or moved in") {
    auto box = std::make_unique<int>(20);
    auto g = spawn([](std::unique_ptr<int> a, int b, int c, int d) { return *a + b + c + d; },
                   std::move(box),
                   1,
                   10,
                   11);
    CHECK(g.get() == 42);
}

GROVE_TEST("a result may be a reference, or move-only") {
    int x = 1;
    auto by_reference = spawn([&]() -> int& { return x; });
    by_reference.get() = 2;
    CHECK(x == 2);
    auto box = spawn([] { return std::make_unique<int>(3); });
    CHECK(*std::move(box).get() == 3);
}

GROVE_TEST("an exception comes out of get, each time") {
    auto g = spawn(fail, "no luck");
    CHECK_THROWS_WITH(g.get(), "no luck");
    CHECK_THROWS_WITH(g.get(), "no luck");
    CHECK_FALSE(g.successful());
    CHECK_FALSE(g.killed());
    CHECK(g.exception() != nullptr);
    CHECK_NOTHROW(g.join());
}

GROVE_TEST("dropping the handle lets the greenlet run on") {
    bool ran = false;
    spawn([&] { ran = true; });
    grove::yield();
    CHECK(ran);
}

GROVE_TEST("what the closure holds is destroyed when the greenlet ends, the result with the last handle") {
    bool closure_gone = false;
    bool result_gone = false;
    {
        auto g = spawn([held = Flag{closure_gone}, &result_gone] { return Flag{result_gone}; });
        g.join();
        CHECK(closure_gone);
        CHECK_FALSE(result_gone);
    }
    CHECK(result_gone);
}

GROVE_TEST("names and spawn sites are kept") {
    auto plain = spawn([] {});
    const unsigned line = __LINE__ - 1;
    auto named = spawn({.name = "fetcher"}, [] {});
    CHECK(plain.spawn_site().line == line);
    CHECK(named.spawn_site().line == line + 2);
    CHECK(std::string_view{named.spawn_site().file}.ends_with("greenlet_test.cpp"));
    CHECK(named.name() == "fetcher");
    CHECK(plain.name().empty());
    CHECK(plain.id() != named.id());
    grove::join_all(std::vector<GreenletRef>{plain, named});
}

GROVE_TEST("current is the running greenlet, which has not ended") {
    GreenletRef inside;
    auto g = spawn([&] {
        inside = grove::current();
        CHECK_FALSE(inside.ready());
        CHECK_FALSE(inside.successful());
    });
    g.join();
    CHECK(inside == g);
    CHECK(grove::current() != g);
}

GROVE_TEST("a stack size below the least is refused by spawn") {
    CHECK_THROWS_AS(spawn({.stack_size = 1000}, [] {}), std::invalid_argument);
    CHECK(spawn({.stack_size = 1 << 20}, [] { return 1; }).get() == 1);
}

TEST_CASE("spawn on a plain thread is a logic_error") {
    CHECK_THROWS_AS(spawn([] {}), std::logic_error);
}

// --- Join ----------------------------------------------------------------------------------------------

GROVE_TEST("join gives up exactly at its deadline") {
    auto g = spawn([] { grove::sleep(1s); });
    const auto start = grove::now();
    CHECK_FALSE(g.join(50ms));
    CHECK(grove::now() - start == 50ms);
    CHECK(g.join(2s));
    CHECK(grove::now() - start == 1s);
}

GROVE_TEST("a greenlet that joins itself gets a logic_error") {
    auto g = spawn([] { grove::current().join(); });
    CHECK_THROWS_AS(g.get(), std::logic_error);
}

GROVE_TEST("join does not need the handle to live") {
    auto g = std::make_unique<grove::Greenlet<>>(spawn([] { grove::sleep(1ms); }));
    auto joiner = spawn([&] { g->join(); });
    grove::yield();
    g.reset();
    CHECK(joiner.join(1s));
}

GROVE_TEST("wait gives those that have ended in the order they ended") {
    std::vector<grove::Greenlet<>> all;
    for (const auto delay : {30ms, 10ms, 20ms}) all.push_back(spawn([delay] { grove::sleep(delay); }));
    const auto two = grove::wait(all, 2);
    REQUIRE(two.size() == 2);
    CHECK(two[0] == all[1]);
    CHECK(two[1] == all[2]);
    CHECK(grove::wait(all, 99).size() == 3);
    CHECK(grove::wait(all, 0).size() == 3);
}

GROVE_TEST("wait gives up at its deadline with those there are") {
    auto quick = spawn([] {});
    auto slow = spawn([] { grove::sleep(1h); });
    const std::vector<GreenletRef> both{quick, slow};
    const auto start = grove::now();
    const auto ended = grove::wait(both, 2, 10ms);
    CHECK(grove::now() - start == 10ms);
    CHECK(ended == std::vector<GreenletRef>{quick});
    slow.kill();
    slow.join();
}

GROVE_TEST("a greenlet named twice counts once") {
    auto g = spawn([] { grove::sleep(1ms); });
    const std::vector<GreenletRef> twice{g, g};
    CHECK(grove::wait(twice, 2, 1s).size() == 1);
}

GROVE_TEST("join_all_or_throw throws the earliest failure and waits no longer") {
    auto slow = spawn([] { grove::sleep(1h); });
    auto later = spawn([] {
        grove::sleep(20ms);
        fail("later");
    });
    auto first = spawn([] {
        grove::sleep(10ms);
        fail("first");
    });
    const auto start = grove::now();
    CHECK_THROWS_WITH(grove::join_all_or_throw(std::vector<GreenletRef>{slow, later, first}), "first");
    CHECK(grove::now() - start == 10ms);
    grove::kill_all(std::vector<GreenletRef>{slow, later});
    grove::join_all(std::vector<GreenletRef>{slow, later});
}

// --- spawn_later ---------------------------------------------------------------------------------------

GROVE_TEST("spawn_later starts after the delay") {
    const auto start = grove::now();
    auto g = grove::spawn_later(30ms, [] { return grove::now(); });
    CHECK(g.get() - start == 30ms);
}

GROVE_TEST("spawn_later killed before its time never runs; its links do") {
    bool ran = false;
    bool linked = false;
    const auto start = grove::now();
    auto g = grove::spawn_later(1h, [&] { ran = true; });
    g.link([&](const GreenletRef& ended) { linked = ended.killed(); });
    g.kill();
    g.join();
    grove::yield();
    CHECK_FALSE(ran);
    CHECK(linked);
    CHECK(grove::now() == start);
}

// --- Links ---------------------------------------------------------------------------------------------

GROVE_TEST_FIFO("links run in order, each in a greenlet of its own, after the end and also if linked later") {
    std::string order;
    auto g = spawn([&] { order += 'g'; });
    g.link([&](const GreenletRef& ended) {
        order += ended == g ? '1' : 'x';
        grove::sleep(1ms);  // may block
    });
    g.link([&](const GreenletRef&) { order += '2'; });
    g.join();
    grove::sleep(2ms);
    g.link([&](const GreenletRef&) { order += '3'; });
    grove::sleep(2ms);
    CHECK(order == "g123");
}

GROVE_TEST("unlink is honoured, also while links are notified") {
    std::string order;
    auto g = spawn([] {});
    grove::LinkId second{};
    bool was_linked = false;
    g.link([&](const GreenletRef& ended) {
        order += '1';
        was_linked = ended.unlink(second);
    });
    second = g.link([&](const GreenletRef&) { order += '2'; });
    const auto third = g.link([&](const GreenletRef&) { order += '3'; });
    CHECK(g.unlink(third));
    CHECK_FALSE(g.unlink(third));
    g.join();
    grove::sleep(1ms);
    CHECK((order == "1" ? was_linked : order.find('3') == std::string::npos));
}

// --- What nobody looks at ------------------------------------------------------------------------------

GROVE_TEST("an abandoned greenlet's exception goes to the handler, what others look at does not") {
    std::vector<std::string> heard;
    grove::set_unhandled_exception_handler([&](const GreenletRef& g, const std::exception_ptr& error) {
        heard.push_back(std::string{g.name()} + ": " + message_of(error));
    });
    spawn({.name = "lonely"}, fail, "nobody cares");
    auto held = spawn({.name = "held"}, fail, "somebody does");
    spawn({.name = "linked"}, fail, "a link does").link([](const GreenletRef&) {});
    held.join();
    grove::sleep(1ms);
    CHECK(heard == std::vector<std::string>{"lonely: nobody cares"});
}

GROVE_TEST("a link that throws does not keep the others from running") {
    std::vector<std::string> heard;
    grove::set_unhandled_exception_handler(
        [&](const GreenletRef&, const std::exception_ptr& error) { heard.emplace_back(message_of(error)); });
    auto g = spawn([] {});
    bool second = false;
    g.link([](const GreenletRef&) { fail("in a link"); });
    g.link([&](const GreenletRef&) { second = true; });
    grove::sleep(1ms);
    CHECK(second);
    CHECK(heard == std::vector<std::string>{"in a link"});
}

GROVE_TEST("a handler that throws does not disturb the runtime, and an empty one restores the default") {
    int calls = 0;
    grove::set_unhandled_exception_handler([&](const GreenletRef&, const std::exception_ptr&) {
        ++calls;
        fail("in the handler");
    });
    spawn(fail, "first");
    grove::sleep(1ms);
    grove::set_unhandled_exception_handler({});
    spawn(fail, "second: logged");
    grove::sleep(1ms);
    CHECK(calls == 1);
}

// --- The C++ runtime's state ---------------------------------------------------------------------------

GROVE_TEST("errno, current_exception and uncaught_exceptions are the greenlet's own") {
    auto in_catch = spawn([] {
        try {
            fail("mine");
        } catch (const std::runtime_error& e) {
            errno = EDOM;
            grove::sleep(2ms);
            CHECK(errno == EDOM);
            CHECK(std::current_exception() != nullptr);
            CHECK(std::string_view{e.what()} == "mine");
            try {
                throw;
            } catch (const std::runtime_error& again) {
                CHECK(std::string_view{again.what()} == "mine");
            }
        }
    });
    auto in_destructor = spawn([] {
        struct Blocks {
            ~Blocks() {
                CHECK(std::uncaught_exceptions() == 1);
                grove::sleep(2ms);
                CHECK(std::uncaught_exceptions() == 1);
            }
        };
        try {
            const Blocks blocks;
            fail("theirs");
        } catch (const std::runtime_error& e) {
            CHECK(std::string_view{e.what()} == "theirs");
        }
    });
    auto clean = spawn([] {
        for (int i = 0; i < 5; ++i) {
            errno = 0;
            grove::sleep(1ms);
            CHECK(errno == 0);
            CHECK(std::current_exception() == nullptr);
            CHECK(std::uncaught_exceptions() == 0);
        }
    });
    grove::join_all(std::vector<GreenletRef>{in_catch, in_destructor, clean});
    CHECK(in_catch.successful());
    CHECK(in_destructor.successful());
}

TEST_SUITE_END();
