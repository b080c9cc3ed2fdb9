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
    struct Saved {
        int signal;
        struct sigaction action;
    };

    void restore() noexcept;

    std::vector<Saved> saved_;
    bool ours_ = false;
};

/// Raises the signal with its default action.
void end_process_by(int signal) noexcept;

}  // namespace grove::detail
