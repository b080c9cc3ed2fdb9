#pragma once

#include <grove/io/process.hpp>

#include "io/descriptor.hpp"
#include "io/unique_fd.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace grove::detail {

/// A child by its pidfd, which becomes readable when it ends, and its status once somebody asked.
class ChildEnd final : public Descriptor {
public:
    // As at a listener several may wait, and who has seen the end tells the next.
    explicit ChildEnd(int pidfd) noexcept : Descriptor{pidfd, Kind::listener} {}

    /// 0: status() is there; -EAGAIN: it runs; or -errno.
    [[nodiscard]] int reap(int pidfd) noexcept;
    [[nodiscard]] const std::optional<int>& status() const noexcept { return status_; }

private:
    ~ChildEnd() override = default;
    std::optional<int> status_;
};

/// How far communicate() has come.
struct Conversation {
    bool begun = false;
    std::string input;
    std::size_t written = 0;
    std::string output;
    std::string errors;
};

struct ProcessState {
    ProcessState(UniqueFd pidfd, pid_t id) : end{new ChildEnd{pidfd.get()}}, pid{id} {
        (void)pidfd.release();
    }

    std::unique_ptr<ChildEnd, CloseDescriptor> end;
    pid_t pid;
    WritePipe input;
    ReadPipe output;
    ReadPipe errors;
    Conversation conversation;
};

struct ProcessAccess {
    /// Of a child that was just started. If this throws, the child was killed and collected.
    [[nodiscard]] static Process make(pid_t);
    [[nodiscard]] static ProcessState& state(Process& process) noexcept { return *process.state_; }
    [[nodiscard]] static auto& what(Stdio& stdio) noexcept { return stdio.what_; }
    using Kind = Stdio::Kind;
};

}  // namespace grove::detail
