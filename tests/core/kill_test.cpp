#include <grove/base/error.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>

#include "support/flag.hpp"
#include "support/grove_test.hpp"

#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using grove::GreenletExit;
using grove::spawn;
using grove::testing::Flag;

TEST_SUITE_BEGIN("core/kill");

GROVE_TEST("kill leaves the wait a greenlet is in; it counts as successful") {
    bool unwound = false;
    auto g = spawn([&] {
        const Flag flag{unwound};
        grove::sleep({});
    });
    grove::yield();
    g.kill();
    CHECK_FALSE(g.ready());
    g.join();
    CHECK(unwound);
    CHECK(g.killed());
    CHECK(g.successful());
    CHECK(g.exception() == nullptr);
    try {
        g.get();
        FAIL("get() of a killed greenlet returned");
    } catch (const std::system_error& e) {
        CHECK(e.code() == grove::Errc::killed);
    }
}

GROVE_TEST("one killed before it started never runs, and lets go of its closure") {
    bool ran = false;
    bool released = false;
    auto g = spawn([&ran, held = Flag{released}] { ran = true; });
    g.kill();
    g.join();
    CHECK_FALSE(ran);
    CHECK(released);
    CHECK(g.killed());
}

GROVE_TEST("one killed with an exception before it started ends by that") {
    auto g = spawn([] { return 1; });
    g.kill(std::make_exception_ptr(std::runtime_error{"changed my mind"}));
    CHECK_THROWS_WITH((void)g.get(), "changed my mind");
    CHECK_FALSE(g.successful());
}

GROVE_TEST("kill is level-triggered: who swallows it meets it at the next wait") {
    int met = 0;
    auto g = spawn([&] {
        for (int i = 0; i < 3; ++i) {
            try {
                grove::sleep({});
            } catch (const GreenletExit&) {
                ++met;
            }
        }
    });
    grove::yield();
    g.kill();
    g.kill();
    g.join();
    CHECK(met == 3);
    CHECK(g.successful());
    CHECK_FALSE(g.killed());  // it ended by returning
}

GROVE_TEST("kill with an exception is thrown once") {
    int met = 0;
    auto g = spawn([&] {
        try {
            grove::sleep({});
        } catch (const std::runtime_error&) {
            ++met;
        }
        grove::sleep(1ms);
    });
    grove::yield();
    g.kill(std::make_exception_ptr(std::runtime_error{"boo"}));
    g.join();
    CHECK(met == 1);
    CHECK(g.successful());
}

GROVE_TEST("killing oneself is thrown by the next wait, and by checkpoint") {
    int reached = 0;
    auto by_wait = spawn([&] {
        grove::current().kill();
        ++reached;
        grove::sleep(1ms);
        ++reached;
    });
    auto by_checkpoint = spawn([&] {
        grove::current().kill();
        ++reached;
        grove::checkpoint();
        ++reached;
    });
    by_wait.join();
    by_checkpoint.join();
    CHECK(reached == 2);
    CHECK(by_wait.killed());
    CHECK(by_checkpoint.killed());
}

GROVE_TEST("GreenletExit thrown by hand is a kill; kill after the end changes nothing") {
    auto g = spawn([] { throw GreenletExit{}; });
    g.join();
    CHECK(g.killed());
    auto h = spawn([] { return 5; });
    h.join();
    h.kill();
    CHECK(h.get() == 5);
    CHECK_FALSE(h.killed());
}

GROVE_TEST("kill comes before an exception, and that before a time-out") {
    std::string order;
    auto g = spawn([&] {
        const grove::Timeout timeout{grove::now()};
        for (int i = 0; i < 3; ++i) {
            try {
                grove::sleep({});
            } catch (const GreenletExit&) {
                order += 'k';
            } catch (const std::runtime_error&) {
                order += 'e';
            } catch (const grove::Timeout::Expired&) {
                order += 't';
            }
            if (i == 0) grove::current().kill(std::make_exception_ptr(std::runtime_error{"e"}));
        }
        grove::current().kill();
        try {
            grove::sleep({});
        } catch (const GreenletExit&) {
            order += 'k';
        }
    });
    g.join();
    CHECK(order == "tetk");
}

GROVE_TEST("kill_all: those that have not started never do") {
    int ran = 0;
    std::vector<grove::Greenlet<>> all;
    for (int i = 0; i < 5; ++i) all.push_back(spawn([&] { ++ran; }));
    grove::kill_all(all);
    grove::join_all(all);
    CHECK(ran == 0);
}

GROVE_TEST("a stop token is stopped by kill") {
    auto g = spawn([] { grove::sleep({}); });
    const auto token = g.stop_token();
    CHECK_FALSE(token.stop_requested());
    g.kill();
    CHECK(token.stop_requested());
    CHECK(g.stop_token().stop_requested());
    g.join();
}

GROVE_TEST("a wait in a destructor during unwinding lasts its time and does not throw") {
    bool slept = false;
    struct Blocks {
        bool& done;
        ~Blocks() {
            const auto start = grove::now();
            grove::sleep(10ms);
            done = grove::now() - start == 10ms;
        }
    };
    auto g = spawn([&] {
        const Blocks blocks{slept};
        grove::sleep({});
    });
    grove::yield();
    g.kill();
    grove::sleep(1ms);
    g.kill();  // again, while it unwinds
    g.join();
    CHECK(slept);
    CHECK(g.killed());
}

TEST_SUITE_END();
