#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/io/file.hpp>
#include <grove/io/pipe.hpp>
#include <grove/io/process_pool.hpp>
#include <grove/io/stream.hpp>

#include "io/scratch.hpp"
#include "platform/fiber.hpp"
#include "support/child_process.hpp"
#include "support/grove_test.hpp"

#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <set>
#include <unistd.h>

using namespace std::chrono_literals;
using grove::ProcessPool;
using grove::RemoteError;
using grove::spawn;
using grove::WorkerDied;
using grove::testing::Scratch;

TEST_SUITE_BEGIN("io/process_pool");

TEST_CASE("the end of a worker is told in words, and kept as the system gives it") {
    const WorkerDied killed{77, -SIGKILL};
    CHECK(std::string{killed.what()}.find("pid 77") != std::string::npos);
    CHECK(std::string{killed.what()}.find("signal 9") != std::string::npos);
    CHECK(killed.status() == -SIGKILL);
}

// ThreadSanitizer allows no thread in a child of a process with several.
#ifndef GROVE_TSAN

namespace {

constexpr auto patience = 20s;

/// A job that goes on until somebody removes the file.
void wait_for_removal(const std::string& path) {
    while (std::filesystem::exists(path)) ::usleep(1000);
}

int add(int a, int b) {
    return a + b;
}

int worker_pid(int) {
    return ::getpid();
}

int hang(int) {
    for (;;) ::pause();
}

/// Lets others run until they all wait.
void settle() {
    for (int i = 0; i < 10; ++i) grove::yield();
}

/// There is no child left, dead or alive.
bool no_children() {
    return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
}

}  // namespace

GROVE_TEST_REAL("functions and lambdas without captures run in other processes") {
    {
        ProcessPool pool{{.workers = 2}};
        CHECK(pool.workers() == 2);
        CHECK(pool.apply(add, 2, 3) == 5);
        CHECK(pool.apply([](const std::string& text, int n) { return text.substr(0, n); }, "abcdef", 3) ==
              "abc");
        CHECK(pool.apply(worker_pid, 0) != ::getpid());
        pool.apply([] {});
        const std::vector<double> numbers{1, 2, 3.5};
        CHECK(pool.apply(
                  [](const std::vector<double>& all) { return std::accumulate(all.begin(), all.end(), 0.0); },
                  numbers) == 6.5);
        CHECK(pool.apply([](std::string_view text) { return std::optional{text.size()}; },
                         std::string_view{"view"}) == 4U);
    }
    CHECK(no_children());
}

GROVE_TEST_REAL("what is large goes through") {
    ProcessPool pool{{.workers = 1}};
    std::string large(5'000'000, '\0');
    for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * i % 251);
    CHECK(pool.apply([](std::string text) { return text; }, large) == large);
    CHECK(pool.apply([](std::span<const std::byte> bytes) { return bytes.size(); },
                     std::as_bytes(std::span{large})) == large.size());
}

GROVE_TEST_REAL("a message beyond the limit is errc::message_size, there and back") {
    ProcessPool pool{{.workers = 1, .max_message = 1000}};
    const auto size_error = [&](auto f, const auto& argument) {
        try {
            pool.apply(f, argument);
            return false;
        } catch (const std::system_error& error) {
            return error.code() == std::errc::message_size;
        }
    };
    CHECK(size_error([](const std::string& text) { return text.size(); }, std::string(1000, 'x')));
    CHECK(size_error([](int n) { return std::string(static_cast<std::size_t>(n), 'x'); }, 1000));
    CHECK(pool.apply([](int n) { return std::string(static_cast<std::size_t>(n), 'x'); }, 900).size() == 900);
}

GROVE_TEST_REAL("an exception crosses as its type and text") {
    ProcessPool pool{{.workers = 1}};
    const int pid = pool.apply(worker_pid, 0);
    try {
        pool.apply([](int i) -> int { throw std::out_of_range{"no " + std::to_string(i)}; }, 7);
        FAIL("it returned");
    } catch (const RemoteError& error) {
        CHECK(error.type() == "std::out_of_range");
        CHECK(std::string{error.what()} == "no 7");
    }
    CHECK_THROWS_AS(pool.apply([] { throw 5; }), RemoteError);
    CHECK(pool.apply(worker_pid, 0) == pid);  // a failed job is no reason for a new process
}

GROVE_TEST_REAL("a worker that dies is an error that says how, and the pool goes on") {
    ProcessPool pool{{.workers = 1}};
    const int first = pool.apply(worker_pid, 0);
    try {
        pool.apply([] { ::kill(::getpid(), SIGKILL); });
        FAIL("it returned");
    } catch (const WorkerDied& error) {
        CHECK(error.status() == -SIGKILL);
        CHECK(std::string{error.what()}.find("signal 9 (Killed), pid " + std::to_string(first)) !=
              std::string::npos);
    }
    const int second = pool.apply(worker_pid, 0);
    CHECK(second != first);
    try {
        pool.apply([] { ::_exit(3); });
        FAIL("it returned");
    } catch (const WorkerDied& error) {
        CHECK(error.status() == 3);
    }
    CHECK(pool.apply(worker_pid, 0) != second);
}

GROVE_TEST_REAL("an idle worker that dies is replaced without a word to callers") {
    ProcessPool pool{{.workers = 1}};
    const int first = pool.apply(worker_pid, 0);
    ::kill(first, SIGKILL);
    siginfo_t end{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(first), &end, WEXITED | WNOWAIT) == 0);
    const int second = pool.apply(worker_pid, 0);
    CHECK(second != first);
    CHECK(pool.apply(worker_pid, 0) == second);
}

GROVE_TEST_REAL("a caller that is killed or out of time takes its process with it") {
    ProcessPool pool{{.workers = 1}};
    const int first = pool.apply(worker_pid, 0);
    CHECK_FALSE(grove::try_with_timeout(1ms, [&] { return pool.apply(hang, 0); }));
    const int second = pool.apply(worker_pid, 0);
    CHECK(second != first);

    auto caller = spawn([&] { return pool.apply(hang, 0); });
    settle();
    auto waiting = spawn([&] { return pool.apply(worker_pid, 0); });  // for the one worker
    auto killed_in_line = spawn([&] { return pool.apply(worker_pid, 0); });
    settle();
    killed_in_line.kill();
    caller.kill();
    CHECK(waiting.get() != second);
    caller.join();
    killed_in_line.join();
    CHECK(caller.killed());
    CHECK(pool.apply(worker_pid, 0) == waiting.get());
}

GROVE_TEST_REAL(
    "map gives results in order, imap as they are asked for, with as many processes as there are") {
    ProcessPool pool{{.workers = 2}};
    std::vector<int> inputs(40);
    std::iota(inputs.begin(), inputs.end(), 0);
    const auto squares = pool.map(inputs, [](int i) { return i * i; });
    REQUIRE(squares.size() == inputs.size());
    for (std::size_t i = 0; i < squares.size(); ++i) CHECK(squares[i] == inputs[i] * inputs[i]);

    int next = 0;
    for (const int square : pool.imap(inputs, [](int i) { return i * i; })) {
        CHECK(square == next * next);
        ++next;
    }
    CHECK(next == 40);
    std::set<int> unordered;
    for (const int value : pool.imap_unordered(inputs, [](int i) { return -i; })) unordered.insert(value);
    CHECK(unordered.size() == 40);

    const auto pids = pool.map(inputs, worker_pid);
    CHECK(std::set<int>(pids.begin(), pids.end()).size() <= 2);
    CHECK_THROWS_AS(pool.map(inputs,
                             [](int i) {
                                 if (i == 3) throw std::runtime_error{"three"};
                                 return i;
                             }),
                    RemoteError);
}

GROVE_TEST_REAL("two jobs run at once in two workers, and others wait for their turn") {
    ProcessPool pool{{.workers = 2}};
    const Scratch scratch;
    const std::string path = scratch.path() / "go_on";
    grove::write_file(path, "");
    auto first = spawn([&] { pool.apply(wait_for_removal, path); });
    auto second = spawn([&] { return pool.apply(add, 1, 1); });
    CHECK(second.get() == 2);  // while the first still runs
    CHECK_FALSE(first.ready());
    std::filesystem::remove(path);
    first.join();
    CHECK(first.successful());
}

GROVE_TEST_REAL("a worker has the descriptors an exec would keep, and a runtime if it runs one") {
    auto [reader, writer] = grove::make_pipe();
    ProcessPool pool{{.workers = 1}};
    writer.close();
    std::array<std::byte, 1> byte{};
    CHECK(reader.read_some(byte, patience) == 0);  // the worker does not keep it open
    CHECK(pool.apply([](int i) { return grove::run([i] { return spawn([i] { return i + 1; }).get(); }); },
                     4) == 5);
}

int say(int number) {
    std::printf("job %d\n", number);
    return number;
}

TEST_CASE("what a job prints is not lost") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const auto end = grove::testing::run_child([&] {
        ::dup2(ends[1], STDOUT_FILENO);
        grove::run([] { (void)ProcessPool{{.workers = 1}}.apply(say, 7); });
    });
    CHECK(end.exit_code == 0);
    ::close(ends[1]);
    std::string said(100, '\0');
    said.resize(static_cast<std::size_t>(::read(ends[0], said.data(), said.size())));
    CHECK(said == "job 7\n");
    ::close(ends[0]);
}

TEST_CASE("workers do not outlive a process that is killed") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const auto end = grove::testing::run_child([&] {
        grove::run([] {
            ProcessPool pool{{.workers = 2}};
            auto busy = spawn([&] { (void)pool.apply(hang, 0); });
            (void)pool.apply(add, 1, 1);
            ::kill(::getpid(), SIGKILL);
        });
    });
    CHECK(end.signal == SIGKILL);
    ::close(ends[1]);
    char byte = 0;
    CHECK(::read(ends[0], &byte, 1) == 0);  // nobody holds the other end any more
    ::close(ends[0]);
}

#endif

TEST_SUITE_END();
