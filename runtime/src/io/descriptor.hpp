#pragma once

#include <grove/base/error.hpp>
#include <grove/base/time.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/io/detail/close_descriptor.hpp>

#include "core/block_cache.hpp"
#include "core/scheduler.hpp"
#include "io/hang_up.hpp"
#include "platform/event_loop.hpp"
#include "platform/os.hpp"

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>

namespace grove::detail {

class WatchedDescriptors;
struct RuntimeControl;

/// A system call to be made until it succeeds. `what` is a literal, for reports. A count smaller than `full`
/// shows that there is no more to be had.
struct AnyIoCall {
    const char* what;
    std::size_t full;
    ssize_t (*make)(const AnyIoCall&, int fd) noexcept;
};

/// The same with the type of the function that makes it, which takes the descriptor and gives a count or
/// -errno.
template <class Function>
struct IoCall : AnyIoCall {
    IoCall(const char* name, std::size_t whole, Function f) noexcept
        : AnyIoCall{name, whole, &make_again}, function{std::move(f)} {}

    /// Again when a signal came in between.
    static ssize_t make_again(const AnyIoCall& self, int fd) noexcept {
        for (;;) {
            const ssize_t result = static_cast<const IoCall&>(self).function(fd);
            if (result != -EINTR) return result;
        }
    }

    Function function;
};

/// All there is to waiting for one file descriptor, which it owns. Sockets are built on it.
///
/// What the event loop last said is cached: `ready` means that a system call is worth a try. The loop is
/// asked to watch the descriptor when a greenlet has to wait for the first time; it then reports the present
/// state, so nothing is lost before that. A read shorter than its buffer, or a write shorter than its data,
/// shows that there is no more to be had: the next one waits at once instead of failing first. So a
/// keep-alive request costs one receive, one send and its share of an epoll_wait (bench/raw_hello under
/// strace).
///
/// For each direction:
/// 1. ready: nobody waits, and nobody was told to try who has not done so. So a newcomer cannot overtake.
/// 2. told: a waiter was told to try and has not done so. What happens meanwhile, his try will find.
/// 3. Who was told and succeeded passes the turn on; who found nothing is the next to be told. Only a
/// listener has
///    several waiters; elsewhere the second is Errc::concurrent_use.
/// 4. A hang-up is reported once and stays: after it, a short count proves nothing.
///
/// Who may call: the greenlets of one runtime at a time, and plain threads, one of them per direction. A
/// plain thread waits in poll(2) and touches neither the cache nor the loop. Closing may come from anywhere;
/// a foreign thread takes the Gil of the runtime that watches. A descriptor may outlive that runtime.
///
/// What a request touches is in the first cache line: with hundreds of connections each line costs a miss.
class alignas(cache_line) Descriptor : private FdWatch, public InBlocks<cache_line> {
public:
    enum class Kind : std::uint8_t {
        stream,         ///< a short count shows that there is no more
        record_stream,  ///< no: reading a Unix socket also stops where descriptors were passed along
        datagrams,
        listener,
    };

    Descriptor(int fd, Kind kind) noexcept : fd_{fd}, kind_{kind} {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    /// Gives the number away. Requires: nobody waits.
    [[nodiscard]] int release() noexcept;
    /// The other holder of `shared` may from now on tell who uses this descriptor to hurry.
    void share(std::shared_ptr<HangUp> shared) noexcept { hang_up_ = std::move(shared); }

    /// Makes the call until it does not fail with EAGAIN, and waits in between. On failure ec is set and the
    /// result is 0. Blocks.
    template <class Function>
    std::size_t read(const IoCall<Function>& call, std::error_code& ec, Deadline by) {
        return perform(reading, call, ec, by);
    }
    template <class Function>
    std::size_t write(const IoCall<Function>& call, std::error_code& ec, Deadline by) {
        return perform(writing, call, ec, by);
    }

    /// Keeps this object, though not the descriptor, while a greenlet that was here does something else.
    class Pin;

    // --- for select() ---

    enum Direction : std::uint8_t { reading, writing };
    /// Whether a call would not wait. Asks the system.
    [[nodiscard]] bool look(Direction) noexcept;
    /// Until leave_line(), which has to follow. **Throws** std::system_error(Errc::concurrent_use,
    /// Errc::closed, or why the loop cannot watch).
    [[nodiscard]] WaitList& stand_in_line(Scheduler&, Direction);
    /// told: that a call is worth a try.
    void leave_line(Direction, bool told) noexcept;

protected:
    virtual ~Descriptor() = default;

private:
    friend struct CloseDescriptor;
    friend class WatchedDescriptors;
    enum class Woken : std::uint8_t { to_try, by_deadline, failed };

    template <class Function>
    std::size_t perform(Direction, const IoCall<Function>&, std::error_code& ec, Deadline);
    std::size_t conclude(
        Scheduler&, Direction, const AnyIoCall&, ssize_t result, std::error_code& ec) noexcept;
    std::size_t fail(Direction, int error, std::error_code& ec) noexcept;
    std::size_t perform_slow(Scheduler&, Direction, const AnyIoCall&, std::error_code& ec, Deadline);
    std::size_t perform_on_thread(Direction, const AnyIoCall&, std::error_code& ec, Deadline);
    [[nodiscard]] Woken wait(
        Scheduler&, Direction, WaitList&, const char* what, std::error_code& ec, Deadline);
    [[nodiscard]] bool taken(Direction) const noexcept;

    void on_ready(Readiness) noexcept override;
    void pass_on(Direction) noexcept;
    void unpin() noexcept;
    [[nodiscard]] std::error_code watch(Scheduler&);
    void rearm(Direction) noexcept;  // Requires: watched_
    void forget() noexcept;          // Requires: a greenlet, or the Gil of the runtime that watches
    void close() noexcept;           // the same
    void abandon() noexcept;

    int fd_;  // -1: closed
    const Kind kind_;
    bool hung_up_ = false;
    bool orphaned_ = false;  // the owner is gone: the last pin destroys it
    bool ready_[2] = {true, true};
    bool told_[2] = {false, false};
    std::uint32_t pins_ = 0;  // greenlets that may wait here
    WaitList waiters_[2];
    WatchedDescriptors* watched_ = nullptr;  // among which it is; null: no loop watches

    WaitList returned_;  // at a listener, one who was told and found nothing: the first in line
    Descriptor* previous_ = nullptr;
    Descriptor* next_ = nullptr;
    std::shared_ptr<RuntimeControl> control_;  // of the last runtime that watched; that may have ended
    std::shared_ptr<HangUp> hang_up_;
};

// ---------------------------------------------------------------------------------------------

class Descriptor::Pin {
public:
    explicit Pin(Descriptor& descriptor) noexcept : descriptor_{descriptor} { ++descriptor_.pins_; }
    ~Pin() { descriptor_.unpin(); }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;

private:
    Descriptor& descriptor_;
};

template <class Function>
std::size_t Descriptor::perform(Direction direction,
                                const IoCall<Function>& call,
                                std::error_code& ec,
                                Deadline by) {
    Scheduler* const scheduler = Scheduler::here();
    if (!scheduler) return perform_on_thread(direction, call, ec, by);
    if (!ready_[direction] || scheduler->io_spent()) return perform_slow(*scheduler, direction, call, ec, by);
    const ssize_t result = call.make_again(call, fd_);
    if (result != -EAGAIN) return conclude(*scheduler, direction, call, result, ec);
    ready_[direction] = false;
    return perform_slow(*scheduler, direction, call, ec, by);
}

inline std::size_t Descriptor::conclude(Scheduler& scheduler,
                                        Direction direction,
                                        const AnyIoCall& call,
                                        ssize_t result,
                                        std::error_code& ec) noexcept {
    if (result < 0) return fail(direction, static_cast<int>(-result), ec);
    const auto count = static_cast<std::size_t>(result);
    const bool no_more = count < call.full && count > 0 && kind_ == Kind::stream && !hung_up_;
    no_more ? void(ready_[direction] = false) : pass_on(direction);
    scheduler.spend_io(count);
    ec.clear();
    return count;
}

inline void Descriptor::pass_on(Direction direction) noexcept {
    told_[direction] =
        (kind_ == Kind::listener && returned_.notify_one()) || waiters_[direction].notify_one();
    ready_[direction] = !told_[direction];
}

}  // namespace grove::detail
