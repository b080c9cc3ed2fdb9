#include <grove/base/assert.hpp>

#include "base/clock.hpp"
#include "platform/event_loop.hpp"
#include "platform/loop_wake.hpp"
#include "platform/sanitizers.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <limits>
#include <utility>
#include <vector>

namespace grove::detail {

namespace {

// As many as one poll brings at first. When all are used the next poll has twice as many, so that no
// descriptor waits behind the same busy ones turn after turn.
constexpr std::size_t first_events = 256;

/// What epoll keeps for us with each descriptor: which watch of that number an event was meant for.
struct Key {
    std::uint32_t fd;
    std::uint32_t generation;

    [[nodiscard]] static Key of(const epoll_event& event) noexcept {
        return {static_cast<std::uint32_t>(event.data.u64), static_cast<std::uint32_t>(event.data.u64 >> 32)};
    }
    [[nodiscard]] std::uint64_t packed() const noexcept { return std::uint64_t{generation} << 32 | fd; }
};

constexpr Key wake_key{std::numeric_limits<std::uint32_t>::max(), 0};

[[noreturn]] GROVE_COLD void throw_errno(const char* what) {
    throw std::system_error{errno, std::generic_category(), what};
}

/// An error (EPOLLERR) is no hang-up: a UDP socket outlives it. Whoever reads or writes next learns of it.
[[nodiscard]] Readiness to_readiness(std::uint32_t events) noexcept {
    auto ready = Readiness::none;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) ready = ready | Readiness::readable;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) ready = ready | Readiness::writable;
    if (events & (EPOLLRDHUP | EPOLLHUP)) ready = ready | Readiness::hangup;
    return ready;
}

// --- epoll_wait with a time ------------------------------------------------------------------

/// epoll_pwait2 (Linux 5.11) takes nanoseconds. Without it, or where a sandbox refuses it, milliseconds
/// rounded up: late is allowed, early would make the hub spin.
class EpollWait {
public:
    int operator()(int epoll, epoll_event* events, int size, std::chrono::nanoseconds delay) noexcept {
        if (precise_) {
            const timespec time = to_timespec(delay);
            const int count = ::epoll_pwait2(epoll, events, size, &time, nullptr);
            if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
            precise_ = false;
        }
        constexpr std::chrono::milliseconds longest{std::numeric_limits<int>::max()};
        const auto rounded = std::min(std::chrono::ceil<std::chrono::milliseconds>(delay), longest);
        return ::epoll_wait(epoll, events, size, static_cast<int>(rounded.count()));
    }

private:
#if defined(GROVE_TSAN)
    bool precise_ = false;  // TSan 14 does not know epoll_pwait2, and keeps back the signals that come in it
#else
    bool precise_ = true;
#endif
};

}  // namespace

/// Each descriptor is added once, edge-triggered and for both directions, and never changed.
///
/// Events carry (fd, generation); watches_ says which generation of each number is watched, if any. So the
/// event of a descriptor that was forgotten in the same batch, whose number was used again, or that was
/// closed here but lives on in a duplicate or a child process, is nobody's.
///
/// forget() leaves the descriptor in epoll: closing it, which nearly always follows, takes it out without
/// another system call (0.2 us: bench epoll_loop_close). One that was given away alive comes out at its first
/// event.
///
/// poll() may run while another thread holds the Gil and calls watch() or forget(). It touches events_, epoll
/// and wake_ alone; watches_ belongs to the rest.
class EpollLoop final : public EventLoop {
public:
    EpollLoop();

    bool poll(Deadline) override;
    void deliver() noexcept override;
    void wake() noexcept override { wake_.wake(); }
    bool wait_for_news(std::chrono::nanoseconds at_most) const noexcept override;
    [[nodiscard]] std::error_code watch(int fd, FdWatch&) override;
    void forget(int fd) noexcept override;
    [[nodiscard]] Clock::time_point now() noexcept override { return Clock::now(); }
    [[nodiscard]] const char* name() const noexcept override { return "epoll"; }

private:
    struct Watch {
        FdWatch* who = nullptr;  // null: nobody watches
        std::uint32_t generation = 0;
    };

    [[nodiscard]] int wait(Deadline) noexcept;
    void deliver_one(const epoll_event&) noexcept;

    OwnFd epoll_;
    LoopWake wake_;
    EpollWait timed_wait_;
    std::vector<epoll_event> events_;
    std::size_t collected_ = 0;   // of events_, by the last poll
    std::vector<Watch> watches_;  // by descriptor number
};

EpollLoop::EpollLoop() : epoll_{::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"}, events_(first_events) {
    // Edge-triggered: each write wakes us again, though the counter is never read.
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = wake_key.packed()}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.fd(), &event) != 0) throw_errno("epoll_ctl");
}

// --- what happened ---------------------------------------------------------------------------

bool EpollLoop::poll(Deadline by) {
    GROVE_ASSERT(collected_ == 0, "what a poll collected is delivered before the next: edges come once");
    const int count = wait(by);
    if (count < 0 && errno != EINTR) throw_errno("epoll_wait");
    collected_ = static_cast<std::size_t>(std::max(count, 0));
    if (collected_ == events_.size()) events_.resize(2 * events_.size());  // for the next
    wake_.slept();
    return collected_ > 0;
}

int EpollLoop::wait(Deadline by) noexcept {
    const int size = static_cast<int>(events_.size());
    if (by.is_never()) return ::epoll_wait(epoll_.get(), events_.data(), size, -1);
    // Whoever just looks passes the epoch, which saves the look at the clock.
    const auto delay = by.at() <= Clock::time_point{} ? Clock::duration::zero() : by.at() - now();
    if (delay <= Clock::duration::zero()) return ::epoll_wait(epoll_.get(), events_.data(), size, 0);
    return timed_wait_(epoll_.get(), events_.data(), size, delay);
}

bool EpollLoop::wait_for_news(std::chrono::nanoseconds at_most) const noexcept {
    return becomes_readable(epoll_.get(), at_most);
}

void EpollLoop::deliver() noexcept {
    const std::size_t count = std::exchange(collected_, 0);
    for (std::size_t i = 0; i < count; ++i) deliver_one(events_[i]);
}

void EpollLoop::deliver_one(const epoll_event& event) noexcept {
    const Key key = Key::of(event);
    if (key.fd == wake_key.fd) return;
    const Watch& watch = watches_[key.fd];
    if (watch.who && watch.generation == key.generation) {
        watch.who->on_ready(to_readiness(event.events));
    } else if (!watch.who) {
        // Nobody's: out with it. (While the number is watched again, that would hit the new watch instead.)
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, static_cast<int>(key.fd), nullptr);
    }
}

// --- who is told -----------------------------------------------------------------------------

std::error_code EpollLoop::watch(int fd, FdWatch& who) {
    GROVE_ASSERT(fd >= 0, "only an open descriptor can be watched");
    const auto index = static_cast<std::size_t>(fd);
    if (index >= watches_.size()) watches_.resize(std::max(index + 1, 2 * watches_.size()));
    Watch& watch = watches_[index];
    GROVE_ASSERT(!watch.who, "a descriptor has one watch at a time");

    const Key key{static_cast<std::uint32_t>(fd), ++watch.generation};
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u64 = key.packed()}};
    int result = ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    // Still in from a watch before this one (see forget); a change reports the present state just as well.
    if (result != 0 && errno == EEXIST) result = ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
    if (result != 0) return {errno, std::generic_category()};
    watch.who = &who;
    return {};
}

void EpollLoop::forget(int fd) noexcept {
    const auto index = static_cast<std::size_t>(fd);
    if (index < watches_.size()) watches_[index].who = nullptr;
}

// ---------------------------------------------------------------------------------------------

std::unique_ptr<EventLoop> make_epoll_loop() {
    return std::make_unique<EpollLoop>();
}

}  // namespace grove::detail
