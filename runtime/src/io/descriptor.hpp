#pragma once

#include "core/scheduler.hpp"
#include "io/hang_up.hpp"
#include "platform/event_loop.hpp"
#include "platform/os.hpp"

#include <grove/base/error.hpp>
#include <grove/base/time.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/io/detail/close_descriptor.hpp>

#include <poll.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>

namespace grove::detail {

class WatchedDescriptors;
struct RuntimeControl;

/// All there is to waiting for one file descriptor, which it owns. Sockets are built on it.
///
/// What the event loop last said is cached: `ready` means that a system call is worth a try. The loop is asked to
/// watch the descriptor when a greenlet has to wait for the first time; it then reports the present state, so nothing
/// is lost before that. A read shorter than its buffer, or a write shorter than its data, shows that there is no
/// more to be had: the next one waits at once instead of failing first. So a keep-alive request costs one receive,
/// one send and its share of an epoll_wait (bench/raw_hello under strace).
///
/// Each direction is a Half.
/// 1. ready: nobody waits, and nobody was told to try who has not done so. So a newcomer cannot overtake.
/// 2. told: a waiter was told to try and has not done so. What happens meanwhile, his try will find.
/// 3. Who was told and succeeded passes the turn on. Only a listener has several waiters; elsewhere the second
///    is Errc::concurrent_use.
/// 4. A hang-up is reported once and stays: after it, a short count proves nothing.
///
/// Who may call: the greenlets of one runtime at a time, and plain threads, one of them per direction. A plain thread
/// waits in poll(2) and touches neither the halves nor the loop. Closing may come from anywhere; a foreign thread
/// takes the Gil of the runtime that watches. A descriptor may outlive that runtime.
class Descriptor : private FdWatch {
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

    /// Makes `call` (it takes the number, and gives a count or -errno) until it does not fail with EAGAIN, and waits in
    /// between. On failure ec is set and the result is 0. what: a literal, for reports. full: a smaller count shows
    /// that there is no more. Blocks.
    template <class Call>
    std::size_t read(const char* what, std::size_t full, Call call, std::error_code& ec, Deadline by) {
        return perform(reading_, {what, full, POLLIN}, call, ec, by);
    }
    template <class Call>
    std::size_t write(const char* what, std::size_t full, Call call, std::error_code& ec, Deadline by) {
        return perform(writing_, {what, full, POLLOUT}, call, ec, by);
    }

protected:
    virtual ~Descriptor() = default;

private:
    friend struct CloseDescriptor;
    friend class WatchedDescriptors;
    class Pin;
    class Try;
    enum class Woken : std::uint8_t { to_try, by_deadline, failed };
    struct Half {
        bool ready = true;
        bool told = false;
        WaitList waiters;
        WaitList returned;  // was told and found nothing, so is the first in line; one at most

        [[nodiscard]] bool empty() const noexcept { return waiters.empty() && returned.empty(); }
    };
    struct Request {
        const char* what;
        std::size_t full;
        short events;  // for poll(2)
    };

    template <class Call>
    std::size_t perform(Half&, const Request&, Call&, std::error_code& ec, Deadline);
    std::size_t conclude(Scheduler&, Half&, const Request&, ssize_t result, std::error_code& ec) noexcept;
    std::size_t fail(Half&, int error, std::error_code& ec) noexcept;
    std::size_t perform_waiting(Scheduler&, Half&, const Request&, Try, std::error_code& ec, Deadline);
    std::size_t perform_on_thread(const Request&, Try, std::error_code& ec, Deadline);
    [[nodiscard]] Woken wait(Scheduler&, Half&, WaitList&, const Request&, std::error_code& ec, Deadline);

    void on_ready(Readiness) noexcept override;
    static void pass_on(Half&) noexcept;
    [[nodiscard]] std::error_code watch(Scheduler&);
    void forget() noexcept;  // Requires: a greenlet, or the Gil of the runtime that watches
    void close() noexcept;   // the same
    void abandon() noexcept;

    int fd_;  // -1: closed
    Kind kind_;
    bool hung_up_ = false;
    bool orphaned_ = false;   // the owner is gone: the last pin destroys it
    std::uint32_t pins_ = 0;  // calls of greenlets that are under way
    Half reading_;
    Half writing_;

    WatchedDescriptors* watched_ = nullptr;    // among which it is; null: no loop watches
    Descriptor* previous_ = nullptr;
    Descriptor* next_ = nullptr;
    std::shared_ptr<RuntimeControl> control_;  // of the last runtime that watched; that may have ended
    std::shared_ptr<HangUp> hang_up_;
};

// ---------------------------------------------------------------------------------------------

/// Keeps the descriptor for a call during which its owner may go.
class Descriptor::Pin {
public:
    explicit Pin(Descriptor& descriptor) noexcept : descriptor_{descriptor} { ++descriptor_.pins_; }
    ~Pin() {
        if (--descriptor_.pins_ == 0 && descriptor_.orphaned_) delete &descriptor_;
    }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;

private:
    Descriptor& descriptor_;
};

/// A call without its type. Makes it again when a signal came in between.
class Descriptor::Try {
public:
    template <class Call>
    explicit Try(Call& call) noexcept
        : call_{&call}, make_{[](void* self, int fd) noexcept { return make(*static_cast<Call*>(self), fd); }} {}

    ssize_t operator()(int fd) const noexcept { return make_(call_, fd); }

    template <class Call>
    static ssize_t make(Call& call, int fd) noexcept {
        for (;;) {
            const ssize_t result = call(fd);
            if (result != -EINTR) return result;
        }
    }

private:
    void* call_;
    ssize_t (*make_)(void* call, int fd) noexcept;
};

template <class Call>
std::size_t Descriptor::perform(Half& half, const Request& request, Call& call, std::error_code& ec, Deadline by) {
    Scheduler* const scheduler = Scheduler::here();
    if (!scheduler) return perform_on_thread(request, Try{call}, ec, by);
    const Pin pin{*this};
    scheduler->before_io();  // may switch
    if (!half.ready) return perform_waiting(*scheduler, half, request, Try{call}, ec, by);
    const ssize_t result = Try::make(call, fd_);
    if (result == -EAGAIN) return perform_waiting(*scheduler, half, request, Try{call}, ec, by);
    return conclude(*scheduler, half, request, result, ec);
}

inline std::size_t Descriptor::conclude(
    Scheduler& scheduler, Half& half, const Request& request, ssize_t result, std::error_code& ec) noexcept {
    if (result < 0) return fail(half, static_cast<int>(-result), ec);
    const auto count = static_cast<std::size_t>(result);
    const bool no_more = kind_ == Kind::stream && count < request.full && count > 0 && !hung_up_;
    no_more ? void(half.ready = false) : pass_on(half);
    scheduler.spend_io();
    ec.clear();
    return count;
}

inline void Descriptor::pass_on(Half& half) noexcept {
    half.told = half.returned.notify_one() || half.waiters.notify_one();
    half.ready = !half.told;
}

}  // namespace grove::detail
