#pragma once

#include <grove/base/time.hpp>
#include <grove/base/unique_function.hpp>
#include <grove/io/pipe.hpp>

#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace grove {

namespace detail {
struct ProcessState;
struct ProcessAccess;
}  // namespace detail

/// What a child process has as its standard input, output or error stream.
class Stdio {
public:
    Stdio() noexcept = default;  ///< what this process has
    /// An end of a pipe, for instance another child's output; the child finds it blocking, as programs
    /// expect.
    Stdio(ReadPipe pipe) noexcept : what_{std::move(pipe)} {}
    Stdio(WritePipe pipe) noexcept : what_{std::move(pipe)} {}

    [[nodiscard]] static Stdio pipe() noexcept { return Stdio{Kind::pipe}; }  ///< to a stream of the Process
    [[nodiscard]] static Stdio null() noexcept { return Stdio{Kind::null}; }  ///< /dev/null
    [[nodiscard]] static Stdio output() noexcept {
        return Stdio{Kind::output};
    }  ///< for errors: where output goes
    /// A descriptor of the caller's, who keeps it open until the child was started.
    [[nodiscard]] static Stdio descriptor(int fd) noexcept { return Stdio{fd}; }

private:
    friend struct detail::ProcessAccess;
    enum class Kind { inherit, pipe, null, output };
    explicit Stdio(Kind kind) noexcept : what_{kind} {}
    explicit Stdio(int fd) noexcept : what_{fd} {}

    std::variant<Kind, int, ReadPipe, WritePipe> what_{Kind::inherit};
};

struct ProcessOptions {
    std::vector<std::string> argv{};  ///< the program, looked up in PATH unless it has a slash; its arguments
    std::optional<std::map<std::string, std::string>> env{};  ///< all of it; by default this process's
    std::filesystem::path cwd{};                              ///< empty: this process's
    Stdio input{};
    Stdio output{};
    Stdio errors{};
};

/// What a child left behind.
struct Output {
    int status = 0;  ///< as Process::wait
    std::string output;
    std::string errors;
};

/// A child process whose pipes are streams and whose end can be waited for. It inherits no descriptor but its
/// three standard streams, unless one was opened without close-on-exec.
///
/// The destructor neither kills nor waits: the child runs on, and grove collects its status, so that no
/// zombie stays: at its end while this runtime runs, else when the next Process is started.
class Process {
public:
    /// Throws std::system_error: errc::no_such_file_or_directory and the like name the program, or the
    /// directory. Holds this thread up for the time of an exec, about a millisecond.
    [[nodiscard]] static Process start(ProcessOptions);

    Process() noexcept;  ///< none
    Process(Process&&) noexcept;
    Process& operator=(Process&&) noexcept;
    ~Process();

    /// The exit status; killed by signal n: -n. Several greenlets may wait, and each gets it. Throws
    /// errc::no_child_process if somebody else took it (waitpid(-1), or SIGCHLD is ignored). Blocks.
    int wait();
    [[nodiscard]] std::optional<int> wait(Deadline);  ///< Nothing: it runs at the deadline. Blocks.

    /// Writes the input, reads output and errors to their ends, all at once, and waits. Only those that are
    /// pipes. A child that does not want all of its input is no error.
    /// Throws errc::timed_out. Call again, without input, to go on: nothing is lost. Blocks.
    [[nodiscard]] Output communicate(std::string_view input = {}, Deadline = {});

    /// Sends the signal; nothing, once the status is known. Never hits another process with the same number.
    void kill(int signal = SIGTERM);

    [[nodiscard]] int pid() const noexcept;  ///< -1: none
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(state_); }

    WritePipe&
    input() noexcept;  ///< closed unless ProcessOptions::input is Stdio::pipe(). Requires: not none.
    ReadPipe& output() noexcept;  ///< the same
    ReadPipe& errors() noexcept;  ///< the same

private:
    friend struct detail::ProcessAccess;
    struct Drop {
        void operator()(detail::ProcessState*) const noexcept;
    };
    std::unique_ptr<detail::ProcessState, Drop> state_;
};

/// Runs a program to its end with that input, and gives what it wrote. At the deadline, or if this greenlet
/// is killed, kills it (SIGKILL) and collects it. Throws errc::timed_out, and what Process::start throws.
/// Blocks.
[[nodiscard]] Output run_process(std::vector<std::string> argv, std::string_view input = {}, Deadline = {});

/// Runs f in a copy of this process; its result is the exit status, 70 if it throws. f runs on a new thread,
/// the only one beside the one that forked: there is no runtime, and none of the greenlets goes on. It may
/// exec, _exit, or run() a runtime of its own; signals do what they did before this process's runtime and
/// handlers.
///
/// Everything else is as it was, also locks that other threads held: with those about, keep to exec. f must
/// not use sockets, pipes or synchronisation of this runtime, but close() and release() of what nobody waits
/// for. Nothing is destroyed and no stdio flushed at the end, as with _exit.
[[nodiscard]] Process fork(UniqueFunction<int()> f);

}  // namespace grove
