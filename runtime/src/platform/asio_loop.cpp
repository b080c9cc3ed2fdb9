#include <grove/base/assert.hpp>

#include "platform/event_loop.hpp"
#include "platform/loop_wake.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <utility>
#include <vector>

namespace grove::detail {

namespace {

namespace asio = boost::asio;
using AsioDescriptor = asio::posix::stream_descriptor;

/// Asio waits for regular files and directories like anybody else, and then reports that it cannot.
[[nodiscard]] bool is_always_ready(int fd) noexcept {
    struct stat about {};
    return ::fstat(fd, &about) == 0 && (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode));
}

/// Asio makes non-blocking what it waits for first, though it only waits. That may be a terminal which other
/// processes expect to block.
class KeptFlags {
public:
    explicit KeptFlags(int fd) noexcept : fd_{fd}, flags_{::fcntl(fd, F_GETFL)} {}
    ~KeptFlags() {
        if (flags_ >= 0 && !(flags_ & O_NONBLOCK)) ::fcntl(fd_, F_SETFL, flags_);
    }
    KeptFlags(const KeptFlags&) = delete;
    KeptFlags& operator=(const KeptFlags&) = delete;

private:
    int fd_;
    int flags_;
};

}  // namespace

/// Nothing but Asio's public face: one async_wait per direction, which tells of a state once. It is begun by
/// watch(), and again by rearm().
///
/// 1. A wait that has ended leaves a Note, which says of which watch of that number it was the end; deliver()
///    drops those of watches that were forgotten. So waits that forget() cancels need no handling of their
///    own.
/// 2. `waits` of a watch are those begun whose Notes were not delivered: never two in one direction.
///
/// poll() may run while another thread holds the Gil and calls watch(), rearm() or forget(). It touches
/// notes_, wake_ and the context alone, which is safe for threads; watches_ belongs to the rest.
class AsioLoop final : public EventLoop {
public:
    AsioLoop() {
        wake_watch_.assign(wake_.fd());
        wait_for_wake();
    }
    ~AsioLoop() override {
        for (Watch& watch : watches_) let_go(watch);
        (void)wake_watch_.release();
    }
    AsioLoop(const AsioLoop&) = delete;
    AsioLoop& operator=(const AsioLoop&) = delete;

    bool poll(Deadline) override;
    void deliver() noexcept override;
    void wake() noexcept override { wake_.wake(); }
    bool wait_for_news(std::chrono::nanoseconds at_most) const noexcept override {
        return wake_.wait(at_most);
    }
    [[nodiscard]] std::error_code watch(int fd, FdWatch&) override;
    void rearm(int fd, Readiness) noexcept override;
    void forget(int fd) noexcept override;
    [[nodiscard]] Clock::time_point now() noexcept override { return Clock::now(); }
    [[nodiscard]] const char* name() const noexcept override { return "asio"; }

private:
    struct Watch {
        explicit Watch(asio::io_context& context) : descriptor{context} {}

        AsioDescriptor descriptor;
        FdWatch* who = nullptr;  // null: nobody watches
        std::uint32_t generation = 0;
        Readiness waits = Readiness::none;
        Readiness news = Readiness::none;  // while Notes are delivered
    };
    struct Note {
        std::size_t index;
        std::uint32_t generation;
        Readiness what;
    };

    void wait_for_wake();
    void begin_wait(std::size_t index, Readiness what);
    static void let_go(Watch&) noexcept;

    asio::io_context context_{1};  // one thread runs it
    asio::executor_work_guard<asio::io_context::executor_type> never_out_of_work_{context_.get_executor()};
    LoopWake wake_;
    AsioDescriptor wake_watch_{context_};
    bool woken_ = false;
    std::vector<Note> notes_;     // of the last poll, until they are delivered
    std::vector<Watch> watches_;  // by descriptor number
};

// --- what happened ---------------------------------------------------------------------------

bool AsioLoop::poll(Deadline by) {
    GROVE_ASSERT(notes_.empty(), "what a poll collected is delivered before the next");
    const auto nothing = [this] { return notes_.empty() && !woken_; };
    // Whoever just looks passes the epoch, which saves the look at the clock.
    const bool may_sleep = by.is_never() || (by.at() > Clock::time_point{} && by.at() > now());
    while (may_sleep && nothing()) {
        // Cancelled waits come, too. Asio sleeps for whole milliseconds, rounded up.
        const bool any = by.is_never() ? context_.run_one() > 0 : context_.run_one_until(by.at()) > 0;
        if (!any) break;
    }
    context_.poll();
    const bool something = !nothing();
    woken_ = false;
    wake_.slept();
    return something;
}

void AsioLoop::deliver() noexcept {
    // Both directions of a descriptor are told at once. A watch may forget others, and begin new ones.
    const auto is_current = [this](const Note& note) {
        const Watch& watch = watches_[note.index];
        return watch.who && watch.generation == note.generation;
    };
    for (const Note& note : notes_) {
        if (!is_current(note)) continue;
        Watch& watch = watches_[note.index];
        watch.waits = without(watch.waits, note.what);
        watch.news = watch.news | note.what;
    }
    for (const Note& note : notes_) {
        if (!is_current(note)) continue;
        Watch& watch = watches_[note.index];
        const Readiness news = std::exchange(watch.news, Readiness::none);
        if (news != Readiness::none) watch.who->on_ready(news);
    }
    notes_.clear();
}

void AsioLoop::wait_for_wake() {
    wake_watch_.async_wait(AsioDescriptor::wait_read, [this](const boost::system::error_code& ec) {
        if (ec) return;
        woken_ = true;
        wake_.drain();
        wait_for_wake();
    });
}

// --- who is told -----------------------------------------------------------------------------

std::error_code AsioLoop::watch(int fd, FdWatch& who) {
    GROVE_ASSERT(fd >= 0, "only an open descriptor can be watched");
    if (is_always_ready(fd)) return std::make_error_code(std::errc::operation_not_permitted);
    const auto index = static_cast<std::size_t>(fd);
    if (index >= watches_.size()) {
        watches_.reserve(std::max(index + 1, 2 * watches_.size()));
        while (watches_.size() <= index) watches_.emplace_back(context_);
    }
    Watch& watch = watches_[index];
    GROVE_ASSERT(!watch.who, "a descriptor has one watch at a time");

    boost::system::error_code ec;
    watch.descriptor.assign(fd, ec);
    if (ec) return ec;
    ++watch.generation;
    watch.who = &who;
    const KeptFlags kept{fd};
    begin_wait(index, Readiness::readable);
    begin_wait(index, Readiness::writable);
    return {};
}

void AsioLoop::begin_wait(std::size_t index, Readiness what) {
    Watch& watch = watches_[index];
    watch.waits = watch.waits | what;
    watch.descriptor.async_wait(
        what == Readiness::readable ? AsioDescriptor::wait_read : AsioDescriptor::wait_write,
        [this, note = Note{index, watch.generation, what}](const boost::system::error_code& ec) {
            // Other errors are for whoever reads or writes next.
            if (ec != asio::error::operation_aborted) notes_.push_back(note);
        });
}

void AsioLoop::rearm(int fd, Readiness what) noexcept {
    const auto index = static_cast<std::size_t>(fd);
    if (!has(watches_[index].waits, what)) begin_wait(index, what);
}

void AsioLoop::forget(int fd) noexcept {
    const auto index = static_cast<std::size_t>(fd);
    if (index < watches_.size()) let_go(watches_[index]);
}

void AsioLoop::let_go(Watch& watch) noexcept {
    if (!std::exchange(watch.who, nullptr)) return;
    (void)watch.descriptor.release();
    watch.waits = watch.news = Readiness::none;
}

// ---------------------------------------------------------------------------------------------

std::unique_ptr<EventLoop> make_asio_loop() {
    return std::make_unique<AsioLoop>();
}

}  // namespace grove::detail
