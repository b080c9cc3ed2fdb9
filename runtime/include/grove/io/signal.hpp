#pragma once

#include <grove/base/source_site.hpp>
#include <grove/base/unique_function.hpp>

#include <memory>

namespace grove {

namespace detail {
struct SignalEntry;
}

/// Runs f in a new greenlet each time the process gets the signal; so f may block. Of several handlers of a
/// signal each runs. While one lives, it takes the place of what the signal did before, that is also of
/// RunOptions::stop_signals; afterwards that is back. A handler counts as something that may wake greenlets,
/// so waiting for it is no deadlock; it does not keep run() from returning.
class SignalHandler {
public:
    /// Throws std::invalid_argument for signals that mean a fault of the code itself (SIGSEGV and the like),
    /// std::system_error for those that cannot be handled (SIGKILL), std::logic_error where there is no
    /// runtime: f is run by the one on this thread.
    SignalHandler(int signal, UniqueFunction<void()> f, SourceSite site = SourceSite::current());
    /// An f that runs already runs on; one that was to run will not.
    ~SignalHandler();
    SignalHandler(const SignalHandler&) = delete;
    SignalHandler& operator=(const SignalHandler&) = delete;

private:
    std::shared_ptr<detail::SignalEntry> entry_;
};

}  // namespace grove
