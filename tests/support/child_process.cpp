#include "support/child_process.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace grove::testing {

ChildEnd run_child(const std::function<void()>& f, const std::function<void(int)>& meanwhile) {
    std::array<int, 2> pipe_ends{};
    if (::pipe(pipe_ends.data()) != 0) std::abort();
    std::fflush(nullptr);  // a sanitizer's _exit() would write it once more, in the child
    const pid_t child = ::fork();
    if (child == 0) {
        const rlimit no_core{0, 0};
        ::setrlimit(RLIMIT_CORE, &no_core);
        ::dup2(pipe_ends[1], STDERR_FILENO);
        ::close(pipe_ends[0]);
        ::close(pipe_ends[1]);
        for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);  // not the test runner's
        f();
        ::_exit(0);
    }
    ::close(pipe_ends[1]);
    if (meanwhile) meanwhile(child);
    ChildEnd end;
    std::array<char, 1024> chunk{};
    for (ssize_t n; (n = ::read(pipe_ends[0], chunk.data(), chunk.size())) > 0;) {
        end.errors.append(chunk.data(), static_cast<std::size_t>(n));
    }
    ::close(pipe_ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
    return end;
}

}  // namespace grove::testing
