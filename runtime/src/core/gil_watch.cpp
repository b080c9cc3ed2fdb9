#include "core/gil_watch.hpp"

#include "base/log.hpp"
#include "core/greenlet_internal.hpp"
#include "platform/watched_thread.hpp"

#include <fstream>

namespace grove::detail {

namespace {

std::string describe_thread(pid_t id) {
    std::string name;
    std::getline(std::ifstream{"/proc/self/task/" + std::to_string(id) + "/comm"}, name);
    return "the native thread " + name + " (tid " + std::to_string(id) + ")";
}

}  // namespace

bool GilWatch::withheld() const noexcept {
    return (gil_.breaker.load(std::memory_order_relaxed) & breaker_bit::drop_request) && gil_.locked &&
           gil_.holder != runtimes_thread_;
}

bool GilWatch::look() {
    const std::uint64_t number = gil_.switch_number;
    if (!withheld()) {
        forget();
        return false;
    }
    const auto now = std::chrono::steady_clock::now();
    if (!sight_ || number != sight_->switch_number) {
        forget();
        sight_ = {number, now, limit_};
        return false;
    }
    if (now - sight_->since >= sight_->next_report) report();
    return true;
}

void GilWatch::report() {
    const pid_t id = gil_.holder;
    const int waiting = gil_.waiting;
    CallStack stack;
    interrupt_thread(
        id, stack, [](void*) noexcept {}, nullptr);
    if (gil_.switch_number != sight_->switch_number) return;  // it let go meanwhile
    const bool is_new = holder_.empty();
    holder_ = describe_thread(id);
    if (is_new) ++runaways_;
    sight_->next_report *= 10;
    log(Level::warning,
        holder_ + " has not given up the Gil for " +
            in_seconds(std::chrono::steady_clock::now() - sight_->since) +
            ". Threads that wait for it: " + std::to_string(waiting) +
            ". checkpoint() hands it over, allow_threads() lets go of it. " + stack.to_string());
}

void GilWatch::forget() {
    if (!holder_.empty()) {
        log(Level::warning,
            holder_ + " has given up the Gil, after " +
                in_seconds(std::chrono::steady_clock::now() - sight_->since));
    }
    holder_.clear();
    sight_.reset();
}

}  // namespace grove::detail
