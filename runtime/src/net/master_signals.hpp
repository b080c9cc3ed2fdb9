#pragma once

#include "io/unique_fd.hpp"

#include <csignal>
#include <vector>

namespace grove::detail {

/// While it lives, SIGTERM, SIGINT and SIGHUP end in a descriptor instead of in a handler. They are blocked
/// in this thread, which therefore has to be the only one.
class MasterSignals {
public:
    MasterSignals();
    ~MasterSignals();
    MasterSignals(const MasterSignals&) = delete;
    MasterSignals& operator=(const MasterSignals&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }  ///< readable when one has come
    [[nodiscard]] int take() noexcept;                           ///< the next; 0: no more

    /// In a worker: SIGTERM does what it did before. What a terminal sends to all of its processes, SIGINT
    /// and SIGHUP, does nothing: the master tells who has to stop.
    void become_worker() const noexcept;

private:
    sigset_t before_;
    UniqueFd fd_;
};

}  // namespace grove::detail
