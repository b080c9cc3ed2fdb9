#pragma once

#include <grove/io/process.hpp>

#include "io/job_channel.hpp"

#include <cstddef>
#include <cstdint>

namespace grove::detail {

/// What the first byte of an answer says of the rest.
enum class JobOutcome : std::uint8_t {
    value,   ///< the result
    thrown,  ///< two strings: the exception's type and text
};

/// A process that works on one job after the other, as the pool sees it.
class JobWorker {
public:
    /// Forks it. Throws std::system_error.
    explicit JobWorker(std::size_t max_message);
    JobWorker(JobWorker&&) noexcept = default;
    JobWorker& operator=(JobWorker&&) noexcept = default;
    ~JobWorker();  ///< Kills it and waits for its end. Blocks (shielded).

    [[nodiscard]] JobChannel& channel() noexcept { return channel_; }
    [[nodiscard]] int pid() const noexcept { return process_.pid(); }
    [[nodiscard]] bool lives() { return !process_.wait(Clock::time_point{}); }
    void kill() noexcept;
    /// Once the channel is at its end: how the process ended. Blocks.
    [[nodiscard]] int end();

private:
    struct Forked {
        Process process;
        UniqueFd ours;
    };
    static Forked fork_worker(std::size_t max_message);
    explicit JobWorker(Forked);

    Process process_;
    JobChannel channel_;
};

}  // namespace grove::detail
