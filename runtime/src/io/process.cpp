#include <grove/core/timeout.hpp>
#include <grove/io/process.hpp>

#include "io/child_reaper.hpp"
#include "io/pipe_state.hpp"
#include "io/process_state.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <spawn.h>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

namespace grove {

using detail::os;

// --- A child --------------------------------------------------------------------------------------

namespace detail {

int ChildEnd::reap(int pidfd) noexcept {
    if (status_) return 0;
    siginfo_t end;
    int result = 0;
    do {
        result = os().reap_process(pidfd, &end);
    } while (result == -EINTR);
    if (result < 0) return result;
    if (end.si_pid == 0) return -EAGAIN;
    status_ = end.si_code == CLD_EXITED ? end.si_status : -end.si_status;
    return 0;
}

Process ProcessAccess::make(pid_t pid) {
    try {
        std::error_code ec;
        UniqueFd pidfd{checked(os().open_process(pid), ec)};
        if (ec) throw std::system_error{ec, "pidfd_open"};
        Process process;
        process.state_.reset(new ProcessState{std::move(pidfd), pid});
        return process;
    } catch (...) {  // on, once the child that nobody can look after is gone
        ::kill(pid, SIGKILL);
        while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
        throw;
    }
}

// --- Starting one ---------------------------------------------------------------------------------

namespace {

[[noreturn]] void throw_failed(const std::string& what, int error) {
    throw std::system_error{error, std::generic_category(), what};
}

/// What the child does before it becomes the program.
class FileActions {
public:
    FileActions() {
        if (const int error = posix_spawn_file_actions_init(&actions_)) throw_failed("posix_spawn", error);
    }
    ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;

    void duplicate(int fd, int as) { check(posix_spawn_file_actions_adddup2(&actions_, fd, as)); }
    void open_null(int as) { check(posix_spawn_file_actions_addopen(&actions_, as, "/dev/null", O_RDWR, 0)); }
    void change_directory(const char* to) { check(posix_spawn_file_actions_addchdir_np(&actions_, to)); }
    [[nodiscard]] const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

private:
    static void check(int error) {
        if (error) throw_failed("posix_spawn", error);
    }
    posix_spawn_file_actions_t actions_;
};

/// A number above those of the standard streams: so that no stream is overwritten before it was duplicated.
UniqueFd out_of_the_way(int fd) {
    const int copy = os().duplicate(fd, STDERR_FILENO + 1);
    if (copy < 0) throw_failed("Process::start", -copy);
    return UniqueFd{copy};
}

/// The descriptors of this process on their way to the child: its ends, and ours of the pipes.
class Streams {
public:
    explicit Streams(ProcessOptions& options) {
        const std::array<Stdio*, 3> all{&options.input, &options.output, &options.errors};
        for (int number = 0; number < 3; ++number)
            std::visit([&](auto& what) { connect(number, what); }, ProcessAccess::what(*all[number]));
        if (!options.cwd.empty()) actions_.change_directory(options.cwd.c_str());
    }

    [[nodiscard]] const posix_spawn_file_actions_t* actions() const noexcept { return actions_.get(); }

    void give_ours_to(ProcessState& state) {
        if (input_) state.input = std::move(input_);
        if (outputs_[0]) state.output = std::move(outputs_[0]);
        if (outputs_[1]) state.errors = std::move(outputs_[1]);
    }

private:
    void connect(int number, ProcessAccess::Kind kind) {
        using Kind = ProcessAccess::Kind;
        if (kind == Kind::null) actions_.open_null(number);
        if (kind == Kind::pipe) make_pipe_for(number);
        if (kind != Kind::output) return;
        if (number != STDERR_FILENO)
            throw std::invalid_argument{"Stdio::output() is for ProcessOptions::errors"};
        actions_.duplicate(STDOUT_FILENO, STDERR_FILENO);
    }
    void connect(int number, int fd) { give(number, out_of_the_way(fd)); }
    template <class Pipe>
    void connect(int number, Pipe& pipe) {
        const UniqueFd ours{pipe.release()};
        if (ours.get() < 0) throw std::system_error{Errc::closed, "Process::start"};
        set_non_blocking(ours.get(), false);
        give(number, out_of_the_way(ours.get()));
    }
    void make_pipe_for(int number) {
        std::array<int, 2> fds{};
        if (const int result = os().pipe(fds.data()); result < 0) throw_failed("Process::start", -result);
        UniqueFd reading{fds[0]};
        UniqueFd writing{fds[1]};
        if (number == STDIN_FILENO) {
            set_non_blocking(fds[1], true);
            input_ = PipeAccess::make<WritePipe>(std::move(writing), PipeMode::non_blocking);
            give(number, out_of_the_way(reading.get()));
        } else {
            set_non_blocking(fds[0], true);
            outputs_[number - 1] = PipeAccess::make<ReadPipe>(std::move(reading), PipeMode::non_blocking);
            give(number, out_of_the_way(writing.get()));
        }
    }
    void give(int number, UniqueFd fd) {
        actions_.duplicate(fd.get(), number);
        childs_.push_back(std::move(fd));
    }

    FileActions actions_;
    std::vector<UniqueFd> childs_;
    WritePipe input_;
    std::array<ReadPipe, 2> outputs_;
};

/// What exec takes: pointers to the strings and a null.
std::vector<char*> pointers_to(std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    for (std::string& string : strings) {
        if (string.find('\0') != string.npos)
            throw std::invalid_argument{"Process::start: a string with a NUL"};
        pointers.push_back(string.data());
    }
    pointers.push_back(nullptr);
    return pointers;
}

std::vector<std::string> lines_of(const std::map<std::string, std::string>& env) {
    std::vector<std::string> lines;
    for (const auto& [name, value] : env) lines.push_back(name + "=" + value);
    return lines;
}

/// What could not be found may be the directory.
std::string culprit(const ProcessOptions& options) {
    std::error_code ec;
    const bool no_directory = !options.cwd.empty() && !std::filesystem::is_directory(options.cwd, ec);
    return no_directory ? options.cwd.string() : options.argv[0];
}

}  // namespace
}  // namespace detail

Process Process::start(ProcessOptions options) {
    if (options.argv.empty()) throw std::invalid_argument{"Process::start: no program"};
    detail::reap_ended();
    std::vector<std::string> lines;
    if (options.env) lines = detail::lines_of(*options.env);
    const auto env = detail::pointers_to(lines);
    const auto argv = detail::pointers_to(options.argv);
    detail::Streams streams{options};

    pid_t pid = -1;
    const int result =
        os().spawn(&pid, argv[0], streams.actions(), argv.data(), options.env ? env.data() : environ);
    if (result < 0) detail::throw_failed(detail::culprit(options), -result);
    Process process = detail::ProcessAccess::make(pid);
    streams.give_ours_to(*process.state_);
    return process;
}

Process::Process() noexcept = default;
Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&&) noexcept = default;
Process::~Process() = default;

void Process::Drop::operator()(detail::ProcessState* state) const noexcept {
    std::unique_ptr<detail::ProcessState> ours{state};
    const bool has_ended = ours->end->status().has_value();
    const pid_t pid = ours->pid;
    // A greenlet may still wait for it: that one is told, and the child gets a new pidfd, for which the old
    // one makes room. Until it is collected nobody else has its number.
    ours.reset();
    std::error_code ec;
    if (!has_ended) detail::reap_later(detail::UniqueFd{detail::checked(os().open_process(pid), ec)});
}

// --- Its end --------------------------------------------------------------------------------------

std::optional<int> Process::wait(Deadline by) {
    if (!state_) throw std::system_error{Errc::closed, "Process::wait"};
    detail::ChildEnd& end = *state_->end;
    if (end.reap(end.fd()) == 0) return end.status();
    int status = 0;
    const detail::IoCall call{"Process::wait", 0, [&end, &status](int pidfd) noexcept -> ssize_t {
                                  const int result = end.reap(pidfd);
                                  if (result == 0) status = *end.status();
                                  return result;
                              }};
    std::error_code ec;
    end.read(call, ec, by);
    if (ec == std::errc::timed_out) return std::nullopt;
    if (ec) throw std::system_error{ec, "Process::wait"};
    return status;
}

int Process::wait() {
    return *wait(Deadline{});
}

void Process::kill(int signal) {
    if (!state_) throw std::system_error{Errc::closed, "Process::kill"};
    detail::ChildEnd& end = *state_->end;
    if (end.status()) return;
    const int result = os().signal_process(end.fd(), signal);
    if (result < 0 && result != -ESRCH) detail::throw_failed("Process::kill", -result);
}

int Process::pid() const noexcept {
    return state_ ? state_->pid : -1;
}
WritePipe& Process::input() noexcept {
    return state_->input;
}
ReadPipe& Process::output() noexcept {
    return state_->output;
}
ReadPipe& Process::errors() noexcept {
    return state_->errors;
}

// --- A program from beginning to end ----------------------------------------------------------------

Output run_process(std::vector<std::string> argv, std::string_view input, Deadline by) {
    Process process = Process::start(
        {.argv = std::move(argv), .input = Stdio::pipe(), .output = Stdio::pipe(), .errors = Stdio::pipe()});
    try {
        return process.communicate(input, by);
    } catch (...) {  // on, when the child is gone
        const Shield whatever_comes;
        try {
            process.kill(SIGKILL);
            (void)process.wait();
        } catch (const std::system_error&) {
            // It belongs to another user, or somebody else collected it. What brought us here matters more.
        }
        throw;
    }
}

}  // namespace grove
