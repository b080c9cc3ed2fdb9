#include <grove/core/stats.hpp>

#include "core/profile.hpp"
#include "core/scheduler.hpp"

#include <stdexcept>
#include <string>

namespace grove {

namespace {

detail::Scheduler& scheduler_for(const char* caller) {
    if (detail::Scheduler* const scheduler = detail::Scheduler::touchable()) return *scheduler;
    throw std::logic_error{std::string{caller} + ": no runtime on this thread"};
}

}  // namespace

RuntimeStats stats() {
    return scheduler_for("stats").stats();
}

void set_profiling(bool on) {
    scheduler_for("set_profiling").set_profiling(on);
}

}  // namespace grove
