#pragma once

#include "platform/event_loop.hpp"

#include <functional>
#include <memory>

namespace grove::testing {

/// The real event loop with a clock of its own, which stands still while anything happens and jumps to the
/// deadline when nothing does. While native work is under way (is_busy) it waits for that in real time
/// instead.
class VirtualLoop final : public detail::EventLoop {
public:
    explicit VirtualLoop(std::function<bool()> is_busy)
        : real_{detail::make_event_loop()}, is_busy_{std::move(is_busy)} {}

    bool poll(Deadline by) override {
        if (real_->poll(Clock::time_point{})) return true;
        if (by.is_never()) return real_->poll(by);
        if (by.at() <= now_) return false;
        // Loopback delivers at once and a job is short; whoever is quiet for 20 ms will stay so. In small
        // steps: on a machine with too much to do the others get their turns between ours.
        for (int i = 0; i < 20 && is_busy_(); ++i) {
            if (real_->poll(std::chrono::milliseconds{1} + Clock::now())) return true;
        }
        now_ = by.at();
        return false;
    }
    void deliver() noexcept override { real_->deliver(); }
    void wake() noexcept override { real_->wake(); }
    std::error_code watch(int fd, detail::FdWatch& watch) override { return real_->watch(fd, watch); }
    void rearm(int fd, detail::Readiness what) noexcept override { real_->rearm(fd, what); }
    void forget(int fd) noexcept override { real_->forget(fd); }
    Clock::time_point now() noexcept override { return now_; }
    const char* name() const noexcept override { return real_->name(); }

private:
    std::unique_ptr<detail::EventLoop> real_;
    std::function<bool()> is_busy_;
    Clock::time_point now_{std::chrono::hours{1}};  // any time, but not the epoch, which has always passed
};

}  // namespace grove::testing
