#include "io/descriptor.hpp"

#include <grove/base/assert.hpp>
#include <grove/core/gil.hpp>
#include <grove/core/runtime.hpp>

#include "core/gil_state.hpp"
#include "core/runtime_control.hpp"

#include <optional>
#include <poll.h>
#include <utility>

namespace grove::detail {

namespace {

using namespace std::chrono_literals;

/// The Gil of the runtime that watches a descriptor, on a thread that does not work for it. That may have
/// ended: then there is nothing to guard.
class WatcherGil {
public:
    explicit WatcherGil(const std::shared_ptr<RuntimeControl>& control) noexcept {
        if (!control) return;
        const Scheduler* const ours = Scheduler::touchable();
        if (ours && ours->control() == control) return;
        away_.emplace();
        try {
            control->gil.lock();
            control_ = control;
        } catch (const std::system_error&) {
            // It has ended, and has let go of what it watched before that.
        }
    }
    ~WatcherGil() {
        if (control_) control_->gil.unlock();
    }
    WatcherGil(const WatcherGil&) = delete;
    WatcherGil& operator=(const WatcherGil&) = delete;

private:
    std::optional<GilReleased> away_;          // two runtimes may want each other's at once
    std::shared_ptr<RuntimeControl> control_;  // null: not locked
};

/// Whether the deadline has come. Reads the clock only if it may have: most are seconds away.
bool has_passed(Deadline by, const Scheduler& scheduler) noexcept {
    return !by.is_never() && by.at() - scheduler.now() < 1s && by.passed();
}

}  // namespace

/// A part of each runtime: what its loop watches. At the end of the runtime all that is left is let go.
class WatchedDescriptors {
public:
    WatchedDescriptors() noexcept : scheduler_{*Scheduler::here()} {}
    ~WatchedDescriptors() {
        const std::scoped_lock held{scheduler_.gil()};
        while (first_) first_->forget();
    }
    WatchedDescriptors(const WatchedDescriptors&) = delete;
    WatchedDescriptors& operator=(const WatchedDescriptors&) = delete;

    [[nodiscard]] Scheduler& scheduler() noexcept { return scheduler_; }
    void add(Descriptor& descriptor) noexcept {
        descriptor.next_ = first_;
        if (first_) first_->previous_ = &descriptor;
        first_ = &descriptor;
    }
    void remove(Descriptor& descriptor) noexcept {
        (descriptor.previous_ ? descriptor.previous_->next_ : first_) = descriptor.next_;
        if (descriptor.next_) descriptor.next_->previous_ = descriptor.previous_;
        descriptor.previous_ = descriptor.next_ = nullptr;
    }

private:
    Scheduler& scheduler_;
    Descriptor* first_ = nullptr;
};

void Descriptor::unpin() noexcept {
    if (--pins_ == 0 && orphaned_) delete this;
}

// --- Waiting --------------------------------------------------------------------------------------

/// Somebody waits to read, or was told to try and has not done so.
inline bool Descriptor::taken(Direction direction) const noexcept {
    return told_[direction] || !waiters_[direction].empty() ||
           (kind_ == Kind::listener && !returned_.empty());
}

/// Requires: the direction is not ready.
inline Descriptor::Woken Descriptor::wait(Scheduler& scheduler,
                                          Direction direction,
                                          WaitList& line,
                                          const char* what,
                                          std::error_code& ec,
                                          Deadline by) {
    const auto failed = [&ec](std::error_code why) {
        ec = why;
        return Woken::failed;
    };
    // In the end we look once more, whatever the cache says: if the loop was kept from its work, the deadline
    // may come before the news. But not before those who have waited longer.
    const auto at_deadline = [&] {
        return taken(direction) ? failed(std::make_error_code(std::errc::timed_out)) : Woken::by_deadline;
    };

    if (taken(direction) && kind_ != Kind::listener) return failed(Errc::concurrent_use);
    if (has_passed(by, scheduler)) return at_deadline();
    if (!os().keeps_its_word()) forget();
    if (const std::error_code why = watch(scheduler)) return failed(why);
    rearm(direction);
    const OutsideWork outside{scheduler};
    const bool told = detail::wait(line, by, what);
    if (fd_ < 0) return failed(Errc::closed);
    if (!told) return at_deadline();
    told_[direction] = false;
    return Woken::to_try;
}

std::size_t Descriptor::perform_slow(
    Scheduler& scheduler, Direction direction, const AnyIoCall& call, std::error_code& ec, Deadline by) {
    const Pin pin{*this};
    if (scheduler.io_spent()) yield();
    Woken woken = Woken::to_try;
    for (WaitList* line = &waiters_[direction]; fd_ >= 0;) {
        if (!ready_[direction]) {
            woken = wait(scheduler, direction, *line, call.what, ec, by);
            if (woken == Woken::failed) return 0;
        }
        const ssize_t result = call.make(call, fd_);
        if (result != -EAGAIN) return conclude(scheduler, direction, call, result, ec);
        if (woken == Woken::by_deadline) {
            ec = std::make_error_code(std::errc::timed_out);
            return 0;
        }
        ready_[direction] = false;
        if (kind_ == Kind::listener) line = &returned_;
    }
    return fail(direction, EBADF, ec);
}

std::size_t Descriptor::fail(Direction direction, int error, std::error_code& ec) noexcept {
    if (fd_ >= 0) pass_on(direction);
    ec = fd_ >= 0 ? std::error_code{error, std::generic_category()} : Errc::closed;
    return 0;
}

std::size_t Descriptor::perform_on_thread(Direction direction,
                                          const AnyIoCall& call,
                                          std::error_code& ec,
                                          Deadline by) {
    checkpoint();  // another thread may wait for the Gil this one holds
    for (;;) {
        ssize_t result = call.make(call, fd_);
        if (result == -EAGAIN) {
            const GilReleased released;
            pollfd entry{
                .fd = fd_, .events = direction == reading ? short{POLLIN} : short{POLLOUT}, .revents = 0};
            result = os().poll(&entry, 1, by);
            if (result > 0) continue;
            if (result == 0) result = -ETIMEDOUT;
        }
        ec = result < 0 ? std::error_code{static_cast<int>(-result), std::generic_category()}
                        : std::error_code{};
        return result < 0 ? 0 : static_cast<std::size_t>(result);
    }
}

// --- Waiting for this or something else -------------------------------------------------------------

bool Descriptor::look(Direction direction) noexcept {
    if (fd_ < 0) return true;
    if (!ready_[direction] && watched_) {
        rearm(direction);
        return false;
    }
    pollfd entry{.fd = fd_, .events = direction == reading ? short{POLLIN} : short{POLLOUT}, .revents = 0};
    const bool now = os().poll(&entry, 1, Clock::time_point{}) != 0;
    ready_[direction] = now;  // if not, the loop will tell
    return now;
}

WaitList& Descriptor::stand_in_line(Scheduler& scheduler, Direction direction) {
    const auto refuse = [](std::error_code why) { throw std::system_error{why, "select"}; };
    if (taken(direction)) refuse(Errc::concurrent_use);
    if (const std::error_code why = watch(scheduler)) refuse(why);
    rearm(direction);
    scheduler.add_outside();
    ++pins_;
    return waiters_[direction];
}

void Descriptor::leave_line(Direction direction, bool told) noexcept {
    Scheduler::here()->drop_outside();
    if (told && fd_ >= 0) {
        told_[direction] = false;
        ready_[direction] = true;
    }
    unpin();
}

// --- The loop -------------------------------------------------------------------------------------

void Descriptor::on_ready(Readiness readiness) noexcept {
    const bool hang_up = has(readiness, Readiness::hangup);
    if (hang_up) hung_up_ = true;
    const auto tell = [this](Direction direction) {
        if (!ready_[direction] && !told_[direction]) pass_on(direction);
    };
    if (hang_up || has(readiness, Readiness::readable)) tell(reading);
    if (hang_up || has(readiness, Readiness::writable)) tell(writing);
}

std::error_code Descriptor::watch(Scheduler& scheduler) {
    if (watched_ && &watched_->scheduler() == &scheduler) return {};
    GROVE_ASSERT(!watched_, "a socket that waits in one runtime cannot wait in another");
    if (watched_) return Errc::concurrent_use;
    auto& watched = scheduler.service<WatchedDescriptors>();
    if (const std::error_code ec = scheduler.loop().watch(fd_, *this)) return ec;
    watched.add(*this);
    watched_ = &watched;
    control_ = scheduler.control();
    return {};
}

void Descriptor::rearm(Direction direction) noexcept {
    const auto what = direction == reading ? Readiness::readable : Readiness::writable;
    watched_->scheduler().loop().rearm(fd_, what);
}

void Descriptor::forget() noexcept {
    if (!watched_) return;
    watched_->scheduler().loop().forget(fd_);
    watched_->remove(*this);
    watched_ = nullptr;
}

// --- The end --------------------------------------------------------------------------------------

void Descriptor::close() noexcept {
    forget();
    if (hang_up_) hang_up_->expire();
    if (const int fd = std::exchange(fd_, -1); fd >= 0) (void)os().close(fd);
    ready_[reading] = ready_[writing] = false;
    for (WaitList* line : {&returned_, &waiters_[reading], &waiters_[writing]}) line->notify_all();
}

void Descriptor::abandon() noexcept {
    {
        const WatcherGil held{control_};
        close();
        orphaned_ = pins_ > 0;
        if (orphaned_) return;  // the last who leaves destroys it
    }
    delete this;
}

void CloseDescriptor::operator()(Descriptor* descriptor) const noexcept {
    descriptor->abandon();
}

int Descriptor::release() noexcept {
    GROVE_ASSERT(pins_ == 0, "a socket is given away while a greenlet waits for it");
    const WatcherGil held{control_};
    forget();
    if (hang_up_) hang_up_->expire();
    return std::exchange(fd_, -1);
}

}  // namespace grove::detail
