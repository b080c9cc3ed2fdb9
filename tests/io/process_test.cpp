#include <grove/base/error.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/io/process.hpp>
#include <grove/io/signal.hpp>
#include <grove/io/stream.hpp>

#include "platform/fiber.hpp"
#include "support/child_process.hpp"
#include "support/grove_test.hpp"
#include "support/settle.hpp"

#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using grove::Process;
using grove::run_process;
using grove::spawn;
using grove::Stdio;
using grove::testing::settle;

namespace {

constexpr auto patience = 20s;

Process shell(const std::string& script) {
    return Process::start({.argv = {"sh", "-c", script},
                           .input = Stdio::pipe(),
                           .output = Stdio::pipe(),
                           .errors = Stdio::pipe()});
}

std::string noise(std::size_t size) {
    std::string text(size, '\0');
    std::uint32_t x = 1;
    for (char& c : text) c = static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
    return text;
}

/// There is no child left, dead or alive.
bool no_children() {
    return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
}

std::string read_piece(grove::ReadPipe& pipe) {
    std::array<std::byte, 256> piece;
    return {reinterpret_cast<const char*>(piece.data()), pipe.read_some(piece, patience)};
}

}  // namespace

TEST_SUITE_BEGIN("io/process");

// --- How it ends ------------------------------------------------------------------------------------

GROVE_TEST_REAL("a child's exit status is what wait() gives, each time") {
    auto child = Process::start({.argv = {"sh", "-c", "exit 7"}});
    CHECK(child.pid() > 0);
    CHECK(child.wait() == 7);
    CHECK(child.wait(0ms) == 7);
    child.kill();  // nobody is there any more: nothing
    CHECK(no_children());
}

GROVE_TEST_REAL("a child killed by a signal has its negative number as status") {
    auto child = Process::start({.argv = {"sleep", "1000"}});
    CHECK(child.wait(0ms) == std::nullopt);
    CHECK(child.wait(20ms) == std::nullopt);
    child.kill();
    CHECK(child.wait() == -SIGTERM);
    auto other = Process::start({.argv = {"sleep", "1000"}});
    other.kill(SIGKILL);
    CHECK(other.wait(patience) == -SIGKILL);
    CHECK(no_children());
}

GROVE_TEST_REAL("several greenlets wait for one child, and one of them may be killed") {
    auto child = Process::start({.argv = {"cat"}, .input = Stdio::pipe()});
    auto first = spawn([&] { return child.wait(); });
    auto second = spawn([&] { return child.wait(patience).value_or(-1000); });
    auto third = spawn([&] { return child.wait(); });
    settle();
    CHECK_FALSE(second.ready());
    first.kill();
    first.join();
    child.input().close();
    CHECK(second.get() == 0);
    CHECK(third.get() == 0);
}

GROVE_TEST_REAL("others run while one waits for a child") {
    auto child = Process::start({.argv = {"cat"}, .input = Stdio::pipe()});
    auto waiting = spawn([&] { return child.wait(); });
    int turns = 0;
    for (; turns < 100; ++turns) grove::yield();
    CHECK_FALSE(waiting.ready());
    child.input().close();
    CHECK(waiting.get() == 0);
}

GROVE_TEST_REAL("a child whose handle is gone runs on, and leaves no zombie") {
    auto [reader, writer] = grove::make_pipe();
    {
        auto child = Process::start({.argv = {"sh", "-c", "read line; echo $line"},
                                     .input = Stdio::pipe(),
                                     .output = std::move(writer)});
        grove::write(child.input(), "still here\n");
    }
    CHECK(read_piece(reader) == "still here\n");
    CHECK(read_piece(reader).empty());  // it has closed its output, and ends
    for (int i = 0; i < 2000 && !no_children(); ++i) grove::sleep(1ms);
    CHECK(no_children());
}

TEST_CASE("a child that outlives its runtime is collected when the next is started") {
    auto pipe = grove::make_pipe();
    grove::run([&] { (void)Process::start({.argv = {"cat"}, .input = std::move(pipe.first)}); });
    CHECK_FALSE(no_children());
    pipe.second.close();
    siginfo_t end{};
    REQUIRE(::waitid(P_ALL, 0, &end, WEXITED | WNOWAIT) == 0);
    CHECK(run_process({"true"}).status == 0);
    CHECK(no_children());
}

GROVE_TEST_REAL("a handle that goes while a greenlet waits wakes that with Errc::closed") {
    auto child = std::make_unique<Process>(Process::start({.argv = {"sleep", "1000"}}));
    const int pid = child->pid();
    std::error_code ec;
    auto waiting = spawn([&] {
        try {
            (void)child->wait();
        } catch (const std::system_error& error) {
            ec = error.code();
        }
    });
    settle();
    child.reset();
    waiting.join();
    CHECK(ec == grove::Errc::closed);
    ::kill(pid, SIGKILL);
    for (int i = 0; i < 2000 && !no_children(); ++i) grove::sleep(1ms);
    CHECK(no_children());
}

TEST_CASE("a status that somebody else took is errc::no_child_process") {
    const auto end = grove::testing::run_child([] {
        ::signal(SIGCHLD, SIG_IGN);  // the system takes it
        grove::run([] {
            auto child = Process::start({.argv = {"cat"}, .input = Stdio::pipe()});
            child.input().close();
            try {
                (void)child.wait();
            } catch (const std::system_error& error) {
                if (error.code() == std::errc::no_child_process) ::_exit(42);
            }
        });
    });
    CHECK(end.exit_code == 42);
}

// --- How it starts ----------------------------------------------------------------------------------

GROVE_TEST_REAL("a program that is not there is an error that names it") {
    try {
        (void)Process::start({.argv = {"no-such-program-here"}, .output = Stdio::pipe()});
        FAIL("it started");
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::no_such_file_or_directory);
        CHECK(std::string{error.what()}.find("no-such-program-here") != std::string::npos);
    }
    CHECK(no_children());
    CHECK_THROWS_WITH((void)Process::start({.argv = {"true"}, .cwd = "/no/such/directory"}),
                      doctest::Contains("/no/such/directory"));
    CHECK_THROWS_AS((void)Process::start({}), std::invalid_argument);
    CHECK_THROWS_AS((void)Process::start({.argv = {"true", std::string("a\0b", 3)}}), std::invalid_argument);
}

GROVE_TEST_REAL("environment and directory are those asked for") {
    auto child = Process::start({.argv = {"sh", "-c", "echo $GROVE_A,$HOME; pwd"},
                                 .env = {{{"GROVE_A", "a b"}, {"PATH", "/usr/bin:/bin"}}},
                                 .cwd = "/usr",
                                 .output = Stdio::pipe()});
    CHECK(child.communicate().output == "a b,\n/usr\n");
}

GROVE_TEST_REAL("errors may go where output goes, or nowhere") {
    auto both = Process::start(
        {.argv = {"sh", "-c", "echo out; echo err >&2"}, .output = Stdio::pipe(), .errors = Stdio::output()});
    CHECK(both.communicate(std::string_view{}, patience).output == "out\nerr\n");
    auto silent = Process::start({.argv = {"sh", "-c", "cat; echo out; echo err >&2"},
                                  .input = Stdio::null(),
                                  .output = Stdio::pipe(),
                                  .errors = Stdio::null()});
    CHECK(silent.communicate(std::string_view{}, patience).output == "out\n");
}

GROVE_TEST_REAL("a child has none of our descriptors but its three streams") {
    // Whoever started the tests may have left some open to all.
    const auto before = run_process({"ls", "/proc/self/fd"}).output;
    CHECK(before.starts_with("0\n1\n"));
    auto other = grove::make_pipe();
    auto bystander = shell("cat");
    CHECK(run_process({"ls", "/proc/self/fd"}).output == before);
    bystander.input().close();
    CHECK(bystander.wait() == 0);
}

GROVE_TEST_REAL("one child's output is another's input, and both find it blocking") {
    auto first =
        Process::start({.argv = {"sh", "-c", "echo b; sleep 0.05; echo a"}, .output = Stdio::pipe()});
    auto second =
        Process::start({.argv = {"sort"}, .input = std::move(first.output()), .output = Stdio::pipe()});
    CHECK(second.communicate().output == "a\nb\n");
    CHECK(first.wait() == 0);
}

// --- Talking to it ----------------------------------------------------------------------------------

GROVE_TEST_REAL("16 MiB go through cat and come back") {
    const std::string much = noise(16 << 20);
    const auto result = run_process({"cat"}, much, patience);
    CHECK(result.status == 0);
    CHECK((result.output == much));
    CHECK(result.errors.empty());
}

GROVE_TEST_REAL("output and errors are drained at once, though both are larger than a pipe") {
    auto child = shell("head -c 1000000 /dev/zero >&2; head -c 2000000 /dev/zero; cat; exit 3");
    const auto result = child.communicate("the end", patience);
    CHECK(result.status == 3);
    CHECK(result.errors.size() == 1'000'000);
    CHECK(result.output.size() == 2'000'007);
}

GROVE_TEST_REAL("a child that does not read its input is no error") {
    const auto result = run_process({"true"}, std::string(1 << 20, 'x'), patience);
    CHECK(result.status == 0);
}

GROVE_TEST_REAL("after a time-out the talk goes on where it was, and nothing is lost") {
    auto [gate, opener] = grove::make_pipe();
    auto slow = Process::start({.argv = {"sh", "-c", "echo first; cat; read line <&2; echo last"},
                                .input = Stdio::pipe(),
                                .output = Stdio::pipe(),
                                .errors = std::move(gate)});
    const std::string much(200'000, 'x');
    std::error_code ec;
    try {
        (void)slow.communicate(much, 200ms);
    } catch (const std::system_error& error) {
        ec = error.code();
    }
    CHECK(ec == std::errc::timed_out);
    CHECK_THROWS_AS((void)slow.communicate("again"), std::logic_error);
    grove::write(opener, "go\n");
    const auto result = slow.communicate(std::string_view{}, patience);
    CHECK(result.status == 0);
    CHECK((result.output == "first\n" + much + "last\n"));
}

GROVE_TEST_REAL("run_process kills and collects at the deadline, and when its greenlet is killed") {
    std::error_code ec;
    try {
        (void)run_process({"sleep", "1000"}, {}, 30ms);
    } catch (const std::system_error& error) {
        ec = error.code();
    }
    CHECK(ec == std::errc::timed_out);
    CHECK(no_children());

    auto running = spawn([] { (void)run_process({"sleep", "1000"}); });
    settle();
    CHECK_FALSE(no_children());
    running.kill();
    running.join();
    CHECK(running.killed());
    CHECK(no_children());
}

GROVE_TEST_REAL("a greenlet killed while it talks leaves the child to the next") {
    auto child = shell("cat");
    auto talking = spawn([&] { (void)child.communicate(std::string_view{}, patience); });
    settle();
    talking.kill();
    talking.join();
    CHECK(child.communicate(std::string_view{}, patience).status == 0);
}

GROVE_TEST_REAL("many children at once") {
    std::vector<grove::Greenlet<int>> all;
    for (int i = 0; i < 30; ++i) {
        all.push_back(spawn([i] {
            const auto text = std::to_string(i);
            const auto result = run_process({"cat"}, text, patience);
            return result.output == text ? result.status : -1;
        }));
    }
    for (const auto& one : all) CHECK(one.get() == 0);
    CHECK(no_children());
}

TEST_CASE("a plain thread blocks in the same calls") {
    const int descriptors = grove::testing::open_descriptors();
    const std::string much = noise(1 << 20);
    CHECK((run_process({"cat"}, much, patience).output == much));
    CHECK_THROWS_AS((void)run_process({"sleep", "1000"}, {}, 30ms), std::system_error);
    {
        auto child = Process::start({.argv = {"sleep", "1000"}});
        CHECK(child.wait(10ms) == std::nullopt);
        child.kill();
        CHECK(child.wait() == -SIGTERM);
    }
    CHECK(no_children());
    CHECK(grove::testing::open_descriptors() == descriptors);
}

// --- fork -------------------------------------------------------------------------------------------

// ThreadSanitizer allows no thread in a child of a process with several.
#ifndef GROVE_TSAN

GROVE_TEST_REAL("a forked child runs a function, and its result is the exit status") {
    CHECK(grove::fork([] { return 9; }).wait() == 9);
    auto thrown = grove::fork([]() -> int {
        ::close(STDERR_FILENO);
        throw std::runtime_error{"no"};
    });
    CHECK(thrown.wait() == 70);
    auto killed = grove::fork([]() -> int {
        for (;;) ::pause();
    });
    killed.kill(SIGKILL);  // the others are doctest's
    CHECK(killed.wait() == -SIGKILL);
    CHECK(no_children());
}

GROVE_TEST_REAL("a forked child may exec") {
    auto child = grove::fork([] {
        ::execlp("sh", "sh", "-c", "exit 11", nullptr);
        return 1;
    });
    CHECK(child.wait() == 11);
}

GROVE_TEST_REAL("a forked child may run a runtime of its own, in which none of our greenlets goes on") {
    auto [reader, writer] = grove::make_pipe();
    int turns = 0;
    bool stop = false;
    auto busy = spawn([&] {
        while (!stop) {
            ++turns;
            grove::yield();
        }
    });
    settle();
    auto child = grove::fork([&, &writer = writer] {
        const int before = turns;
        const int fd = writer.release();
        return grove::run([&] {
            auto pipe = grove::WritePipe::adopt(fd);
            auto greenlet = spawn([] {
                grove::sleep(1ms);
                return run_process({"echo", "grandchild"}, {}, patience).output;
            });
            grove::write(pipe, greenlet.get());
            return turns == before ? 0 : 1;
        });
    });
    writer.close();
    CHECK(read_piece(reader) == "grandchild\n");
    CHECK(child.wait() == 0);
    stop = true;
    busy.join();
}

TEST_CASE("signals do in a forked child what they did before the parent's runtime") {
    const auto end = grove::testing::run_child([] {
        grove::run([] {
            auto [reader, writer] = grove::make_pipe();
            bool ran = false;
            const grove::SignalHandler handler{SIGUSR1, [&] { ran = true; }};
            auto by_user = grove::fork([] { return ::pause(); });
            auto by_term = grove::fork([] { return ::pause(); });
            // One that runs a runtime is stopped as any other is.
            auto runs = grove::fork([&, &writer = writer] {
                const int fd = writer.release();
                grove::run([fd] {
                    if (::write(fd, "x", 1) == 1) grove::sleep(patience);
                });
                return 0;
            });
            writer.close();
            if (read_piece(reader) != "x") ::_exit(2);
            by_user.kill(SIGUSR1);
            by_term.kill(SIGTERM);
            runs.kill(SIGTERM);
            if (by_user.wait() != -SIGUSR1) ::_exit(3);
            if (by_term.wait() != -SIGTERM) ::_exit(4);
            if (runs.wait() != -SIGTERM) ::_exit(5);
            if (ran) ::_exit(6);
        });
    });
    CHECK(end.exit_code == 0);
}

#endif

TEST_SUITE_END();
