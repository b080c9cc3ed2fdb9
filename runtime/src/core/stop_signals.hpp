#pragma once

#include <csignal>
#include <vector>

namespace grove::detail {

class Scheduler;

/// While it lives, the signals stop the scheduler, if it is the first in the process; later ones leave them
/// alone. The second delivery takes the default action.
class StopSignals {
public:
    StopSignals(const std::vector<int>& signals, Scheduler&);
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

private:
    friend void forget_stop_signals() noexcept;
    struct Saved {
        int signal;
        struct sigaction action;
    };

    void restore() noexcept;

    std::vector<Saved> saved_;
    bool ours_ = false;
};

/// In a child after fork(): the signals do what they did before the parent's run().
void forget_stop_signals() noexcept;

/// Raises the signal with its default action.
void end_process_by(int signal) noexcept;

}  // namespace grove::detail
