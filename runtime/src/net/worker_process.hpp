#pragma once

#include <grove/base/time.hpp>
#include <grove/io/process.hpp>

#include "io/unique_fd.hpp"

#include <array>
#include <cstddef>
#include <optional>

namespace grove::detail {

/// A worker as its master sees it.
class WorkerProcess {
public:
    enum class Phase { starting, ready, stopping };

    /// The two ends of the pipe through which a worker says that it is ready.
    struct ReadyPipe {
        ReadyPipe();
        explicit ReadyPipe(std::array<int, 2> fds) noexcept : reading{fds[0]}, writing{fds[1]} {}
        UniqueFd reading;
        UniqueFd writing;
    };

    /// One that was just forked.
    WorkerProcess(std::size_t place, unsigned generation, Clock::time_point limit, Process, UniqueFd ready);

    [[nodiscard]] std::size_t place() const noexcept { return place_; }
    [[nodiscard]] unsigned generation() const noexcept { return generation_; }
    [[nodiscard]] int pid() const noexcept { return process_.pid(); }
    [[nodiscard]] Phase phase() const noexcept { return phase_; }
    /// Since when it has served; none: it never did.
    [[nodiscard]] std::optional<Clock::time_point> ready_since() const noexcept { return ready_since_; }
    [[nodiscard]] Clock::time_point limit() const noexcept { return limit_; }  ///< max: it may go on
    [[nodiscard]] std::optional<int> end() { return process_.wait(Clock::time_point{}); }  ///< as wait()

    // For poll(2).
    [[nodiscard]] int end_fd() noexcept;
    [[nodiscard]] int ready_fd() const noexcept { return ready_.get(); }

    /// True once: it has just become ready.
    [[nodiscard]] bool heed_ready() noexcept;
    void ask_to_stop(Clock::time_point limit);
    void kill();

private:
    std::size_t place_;
    unsigned generation_;
    Clock::time_point limit_;
    Phase phase_ = Phase::starting;
    std::optional<Clock::time_point> ready_since_;
    Process process_;
    UniqueFd ready_;
};

}  // namespace grove::detail
