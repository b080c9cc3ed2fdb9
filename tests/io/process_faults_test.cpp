// Pipes, processes and signals where the system fails.

#include <grove/core/greenlet.hpp>
#include <grove/io/pipe.hpp>
#include <grove/io/process.hpp>
#include <grove/io/signal.hpp>
#include <grove/io/stream.hpp>

#include "net/loopback.hpp"
#include "platform/fiber.hpp"
#include "support/faulty_os.hpp"
#include "support/grove_test.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <string>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Process;
using grove::run_process;
using grove::Stdio;

namespace {

constexpr std::array shortages{EMFILE, ENOMEM, EAGAIN};

/// Dead or alive. Collects none.
bool no_children() {
    siginfo_t end;
    return ::waitid(P_ALL, 0, &end, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

/// With each shortage at the n-th call of that kind: what() of the error that f throws tells it.
void check_shortages(Call call, int nth, const char* culprit, const std::function<void()>& f) {
    for (const int error : shortages) {
        FaultyOs system;
        system.fail(call, nth, error);
        const OsScope scope{system};
        const int before = open_descriptors();
        try {
            f();
            FAIL_CHECK("nothing was thrown");
        } catch (const std::system_error& thrown) {
            CHECK(thrown.code().value() == error);
            const std::string what = thrown.what();
            CHECK_MESSAGE(what.find(culprit) != what.npos, what);
        }
        CHECK(system.count(call) == nth);
        CHECK(open_descriptors() == before);
        CHECK(no_children());
    }
}

void start_with_pipes() {
    (void)Process::start(
        {.argv = {"cat"}, .input = Stdio::pipe(), .output = Stdio::pipe(), .errors = Stdio::pipe()});
}

}  // namespace

TEST_SUITE_BEGIN("io/process_faults");

// --- Want of descriptors, memory, processes -----------------------------------------------------------

GROVE_TEST_REAL("start fails at each of its calls with an error that says so, and leaves nothing") {
    for (int nth = 1; nth <= 3; ++nth) {
        check_shortages(Call::pipe, nth, "Process::start", &start_with_pipes);
        check_shortages(Call::set_non_blocking, nth, "pipe", &start_with_pipes);
        check_shortages(Call::duplicate, nth, "Process::start", &start_with_pipes);
    }
    check_shortages(Call::spawn, 1, "cat", &start_with_pipes);
    check_shortages(Call::open_process, 1, "pidfd_open", &start_with_pipes);
}

GROVE_TEST_REAL("so does make_pipe, and so do the standard streams and pipes of files") {
    check_shortages(Call::pipe, 1, "make_pipe", [] { (void)grove::make_pipe(); });
    for (int nth = 1; nth <= 2; ++nth) {
        check_shortages(Call::set_non_blocking, nth, "pipe", [] { (void)grove::make_pipe(); });
    }
    check_shortages(Call::duplicate, 1, "ReadPipe::read_some", [] {
        auto file = grove::ReadPipe::adopt(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
        std::array<std::byte, 4> bytes{};
        (void)file.read_some(bytes);
    });
}

GROVE_TEST_REAL("a signal handler that cannot be made leaves nothing") {
    const auto make = [] { const grove::SignalHandler handler{SIGUSR1, [] {}}; };
    check_shortages(Call::pipe, 1, "SignalHandler", make);
    for (int nth = 1; nth <= 2; ++nth) check_shortages(Call::set_non_blocking, nth, "SignalHandler", make);
}

#if !defined(GROVE_ASAN)  // which looks at memory through a pipe, and would find no descriptor for that
GROVE_TEST_REAL("a child whose handle goes while no descriptor is left is collected all the same") {
    {
        auto child = Process::start({.argv = {"sh", "-c", "exit 0"}});
        rlimit before{};
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
        std::vector<int> taken;
        const rlimit few{.rlim_cur = 64, .rlim_max = before.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
        for (int fd = 0; fd >= 0;) {
            fd = ::dup(STDERR_FILENO);
            if (fd >= 0) taken.push_back(fd);
        }
        { const Process gone = std::move(child); }
        for (const int fd : taken) ::close(fd);
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    }
    while (!no_children()) grove::yield();
}
#endif

// --- Failures on the way ------------------------------------------------------------------------------

GROVE_TEST_REAL("short reads and writes, and signals in between, change nothing of what is said") {
    FaultyOs system;
    system.shorten(Call::read, 1, 3, 8);
    system.shorten(Call::write, 1, 5, 8);
    system.fail(Call::read, 9, EINTR, 2);
    system.fail(Call::write, 9, EINTR, 2);
    system.fail(Call::read, 11, EAGAIN);
    system.fail(Call::reap_process, 1, EINTR, 3);
    const OsScope scope{system};
    const std::string sent(500, 's');
    const auto output = run_process({"cat"}, sent, patience);
    CHECK(output.status == 0);
    CHECK(output.output == sent);
    CHECK(system.count(Call::read) > 11);
    CHECK(system.count(Call::write) > 10);
}

GROVE_TEST_REAL("run_process tells a failure in the middle, when the child is gone") {
    for (const Call call : {Call::read, Call::write}) {
        FaultyOs system;
        system.fail(call, 2, EIO, FaultyOs::for_ever);
        system.shorten(call, 1, 1);
        const OsScope scope{system};
        std::error_code ec;
        try {
            (void)run_process({"cat"}, "much to say", patience);
        } catch (const std::system_error& error) {
            ec = error.code();
        }
        CHECK(ec == std::errc::io_error);
        CHECK(no_children());
    }
}

GROVE_TEST_REAL(
    "a kill that is not allowed is an error, one that comes too late is none; nor does wait invent a "
    "status") {
    FaultyOs system;
    auto child = Process::start({.argv = {"cat"}, .input = Stdio::pipe()});
    const OsScope scope{system};
    system.fail(Call::signal_process, 1, EPERM);
    system.fail(Call::signal_process, 2, ESRCH);
    CHECK_THROWS_AS(child.kill(), std::system_error);
    CHECK_NOTHROW(child.kill());
    system.fail(Call::reap_process, 1, ENOMEM, 2);
    CHECK_THROWS_AS(child.wait(), std::system_error);
    child.kill();
    CHECK(child.wait() == -SIGTERM);
}

TEST_SUITE_END();
