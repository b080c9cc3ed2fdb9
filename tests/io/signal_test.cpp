#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/io/process.hpp>
#include <grove/io/signal.hpp>
#include <grove/sync/event.hpp>
#include <grove/sync/queue.hpp>

#include "support/child_process.hpp"
#include "support/grove_test.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <pthread.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using grove::SignalHandler;

namespace {

constexpr auto patience = 20s;

void send(int signal) {
    ::kill(::getpid(), signal);
}

/// What the process does with a signal now.
auto action_of(int signal) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    return action.sa_handler;
}

}  // namespace

TEST_SUITE_BEGIN("io/signal");

GROVE_TEST_REAL("a handler runs in a greenlet of its own, and may block") {
    grove::Event done;
    const auto before = action_of(SIGUSR1);
    {
        const SignalHandler handler{SIGUSR1, [&] {
                                        grove::sleep(1ms);
                                        done.set();
                                    }};
        send(SIGUSR1);
        CHECK(done.wait(patience));
    }
    CHECK((action_of(SIGUSR1) == before));
}

GROVE_TEST_REAL("each time, while main sleeps, without a deadlock being seen") {
    grove::Queue<int> got;
    int count = 0;
    const SignalHandler handler{SIGWINCH, [&] { got.put(++count); }};
    std::thread sender{[] {
        std::this_thread::sleep_for(5ms);
        send(SIGWINCH);
    }};
    CHECK(got.get() == 1);  // nobody but the signal can wake it
    sender.join();
    send(SIGWINCH);
    CHECK(got.get() == 2);
}

GROVE_TEST_REAL("one that comes at any moment of a greenlet's life is handled") {
    grove::Event handled;
    const SignalHandler handler{SIGUSR1, [&] { handled.set(); }};
    for (int moment = 0; moment < 500; ++moment) {
        std::atomic<bool> goes_on{false};
        const std::jthread sender{[&, runtime_thread = ::pthread_self()] {
            while (!goes_on) {
            }
            for (int pause = 0; pause < moment * 4; ++pause) asm volatile("");
            ::pthread_kill(runtime_thread, SIGUSR1);
        }};
        goes_on = true;
        std::vector<grove::Greenlet<void>> greenlets;
        greenlets.reserve(16);
        for (int i = 0; i < 16; ++i) greenlets.push_back(grove::spawn([] {}));
        REQUIRE(handled.wait(patience));
        handled.clear();
    }
}

GROVE_TEST_FIFO("signals come in order, and each handler of one gets it, in the order they were made") {
    grove::Queue<std::string> got;
    const auto put = [&](const char* text) { return [&got, text] { got.put(text); }; };
    const SignalHandler first{SIGUSR1, put("first 1")};
    const SignalHandler second{SIGUSR2, put("2")};
    const SignalHandler third{SIGUSR1, put("second 1")};
    for (const int signal : {SIGUSR2, SIGUSR1, SIGUSR2}) send(signal);
    for (const char* const expected : {"2", "first 1", "second 1", "2"}) CHECK(got.get() == expected);
}

GROVE_TEST_REAL("a handler that is gone is not run, though the signal came before") {
    bool ran = false;
    grove::Event other;
    const SignalHandler stays{SIGHUP, [&] { other.set(); }};
    {
        const SignalHandler goes{SIGHUP, [&] { ran = true; }};
        send(SIGHUP);
    }
    CHECK(other.wait(patience));
    CHECK_FALSE(ran);
}

GROVE_TEST_REAL("SIGCHLD comes beside Process, which gets its status all the same") {
    grove::Event told;
    const SignalHandler handler{SIGCHLD, [&] { told.set(); }};
    auto child = grove::Process::start({.argv = {"sh", "-c", "exit 5"}});
    CHECK(told.wait(patience));
    CHECK(child.wait() == 5);
}

GROVE_TEST_REAL("what cannot be handled is refused") {
    CHECK_THROWS_AS((SignalHandler{SIGKILL, [] {}}), std::system_error);
    CHECK_THROWS_AS((SignalHandler{0, [] {}}), std::system_error);
    CHECK_THROWS_AS((SignalHandler{100'000, [] {}}), std::system_error);
    CHECK_THROWS_AS((SignalHandler{SIGSEGV, [] {}}), std::invalid_argument);
    std::thread{[] { CHECK_THROWS_AS((SignalHandler{SIGUSR1, [] {}}), std::logic_error); }}.join();
}

TEST_CASE("while a handler of SIGTERM lives it comes before run()'s own, and after it that is back") {
    const auto end = grove::testing::run_child([] {
        grove::run([] {
            grove::Event asked;
            {
                const SignalHandler handler{SIGTERM, [&] { asked.set(); }};
                send(SIGTERM);
                asked.wait();
            }
            if (::write(STDERR_FILENO, "asked", 5) != 5) ::_exit(3);
            send(SIGTERM);
            grove::sleep(patience);
            ::_exit(4);  // run() did not stop
        });
    });
    CHECK(end.signal == SIGTERM);
    CHECK(end.errors.find("asked") != std::string::npos);
}

TEST_CASE("two runtimes get the same signal, and a handler may outlive its runtime") {
    const auto before = action_of(SIGUSR1);
    std::atomic<int> ready{0};
    std::atomic<int> got{0};
    const auto one = [&] {
        std::unique_ptr<SignalHandler> left;
        grove::run({.stop_signals = {}}, [&] {
            grove::Event done;
            left = std::make_unique<SignalHandler>(SIGUSR1, [&] { done.set(); });
            ++ready;
            if (done.wait(patience)) ++got;
        });
    };
    std::thread first{one};
    std::thread second{one};
    while (ready < 2) std::this_thread::yield();
    send(SIGUSR1);
    first.join();
    second.join();
    CHECK(got == 2);
    CHECK((action_of(SIGUSR1) == before));
}

TEST_SUITE_END();
