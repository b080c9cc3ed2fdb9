#include <grove/core/timeout.hpp>
#include <grove/io/asio.hpp>

#include "base/log.hpp"
#include "core/greenlet_internal.hpp"
#include "core/runtime_control.hpp"
#include "core/scheduler.hpp"
#include "platform/event_loop.hpp"

#include <boost/asio/detail/epoll_reactor.hpp>
#include <boost/asio/detail/scheduler.hpp>
#include <boost/asio/executor_work_guard.hpp>

#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace grove::detail {

namespace {

using Reactor = boost::asio::detail::epoll_reactor;
using AsioScheduler = boost::asio::detail::scheduler;

/// Asio shows neither its epoll descriptor nor whether it needs to be woken, and there is no other way to
/// sleep in both loops at once without running its handlers where the Gil is not held (decisions/0010). An
/// explicit instantiation may name private members.
template <class Tag, auto Member>
struct Show {
    friend constexpr auto get(Tag) { return Member; }
};
#define GROVE_SHOW(Name, member)         \
    struct Name {                        \
        friend constexpr auto get(Name); \
    };                                   \
    template struct Show<Name, &member>

GROVE_SHOW(EpollFd, Reactor::epoll_fd_);
GROVE_SHOW(Mutex, AsioScheduler::mutex_);
GROVE_SHOW(Operations, AsioScheduler::op_queue_);
GROVE_SHOW(ReactorTask, AsioScheduler::task_operation_);
GROVE_SHOW(Awake, AsioScheduler::task_interrupted_);
GROVE_SHOW(OutstandingWork, AsioScheduler::outstanding_work_);
#undef GROVE_SHOW

// Handlers that give each other work without end must not keep the greenlets waiting.
constexpr int handlers_per_turn = 128;

/// Asio's event loop inside of ours. Our loop watches its epoll descriptor, which holds its timers too; its
/// handlers run in the hub, under the Gil.
class AsioGuest final : public LoopGuest, private FdWatch {
public:
    AsioGuest()
        : scheduler_{*Scheduler::here()},
          inner_{boost::asio::use_service<AsioScheduler>(context_)},
          fd_{boost::asio::use_service<Reactor>(context_).*get(EpollFd{})} {
        boost::asio::use_service<Reactor>(context_).init_task();
        if (const std::error_code ec = scheduler_.loop().watch(fd_, *this)) {
            throw std::system_error{ec, "asio_context"};
        }
        scheduler_.set_guest(this);
    }
    ~AsioGuest() {
        scheduler_.set_guest(nullptr);
        scheduler_.loop().forget(fd_);
    }
    AsioGuest(const AsioGuest&) = delete;
    AsioGuest& operator=(const AsioGuest&) = delete;

    [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }

    bool run_ready() noexcept override {
        if (!news_ && has_nothing_to_run()) return false;
        const bool all = run_handlers();
        context_.restart();  // it stops when it has nothing left
        return !all;
    }
    /// As if a thread slept in it: who gives it work, on any thread, then also makes its descriptor readable.
    bool fall_asleep() noexcept override {
        const std::scoped_lock lock{inner_.*get(Mutex{})};
        if (!only_reactor_left()) return false;
        inner_.*get(Awake{}) = false;
        return true;
    }
    [[nodiscard]] bool has_work() const noexcept override { return inner_.*get(OutstandingWork{}) > 0; }

private:
    void on_ready(Readiness) noexcept override { news_ = true; }

    /// Whether that was all. A look into the reactor is a system call: so, without news of it, not one more
    /// than Asio itself makes (bench asio/post).
    bool run_handlers() noexcept {
        // Without work it would stop in the middle of what it collected.
        const boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
            context_.get_executor()};
        for (int left = handlers_per_turn; left > 0; --left) {
            try {
                if (context_.poll_one() == 0) {
                    news_ = false;
                    scheduler_.loop().rearm(fd_, Readiness::readable);
                    return true;
                }
            } catch (...) {  // a handler's; there is nobody to be unwound in the hub
                log(Level::error, "a handler of Asio's threw: " + text_of(std::current_exception()));
            }
            if (!news_ && has_nothing_to_run()) return true;
        }
        return false;
    }

    [[nodiscard]] bool has_nothing_to_run() noexcept {
        const std::scoped_lock lock{inner_.*get(Mutex{})};
        return only_reactor_left();
    }
    /// Besides its turn, which then is the last in the queue. Requires: the mutex.
    [[nodiscard]] bool only_reactor_left() noexcept {
        auto& operations = inner_.*get(Operations{});
        auto& reactor = inner_.*get(ReactorTask{});
        if (operations.front() != &reactor) return false;
        operations.pop();
        const bool only = operations.empty();
        operations.push(&reactor);
        return only;
    }

    Scheduler& scheduler_;
    boost::asio::io_context context_;
    AsioScheduler& inner_;
    int fd_;
    bool news_ = true;  // the reactor has something, though it may be no outstanding work
};

/// The end of an operation, on its way from another thread.
struct LateArrival : InboxNode {
    explicit LateArrival(UniqueFunction<void()> f) noexcept : InboxNode{&arrive}, tell{std::move(f)} {}

    static void arrive(InboxNode& node) noexcept {
        const std::unique_ptr<LateArrival> self{static_cast<LateArrival*>(&node)};
        self->tell();
    }
    UniqueFunction<void()> tell;
};

}  // namespace

AsioWait::AsioWait()
    : scheduler_{running_greenlet
                     ? *Scheduler::here()
                     : throw std::logic_error{
                           "use_greenlet: only a greenlet can wait here; this is a plain thread"}} {}

void AsioWait::complete() noexcept {
    if (Scheduler::touchable() == &scheduler_) return arrived();
    // Without memory nobody would ever wake the greenlet: then the process had better end.
    // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new)
    auto* const node = new LateArrival{[this] { arrived(); }};
    // With the mutex: as soon as the node is in the inbox, the runtime may go on, and end.
    const std::shared_ptr<RuntimeControl> control = scheduler_.control();
    const std::scoped_lock lock{control->mutex};
    scheduler_.post(*node);
}

void AsioWait::arrived() noexcept {
    done_ = true;
    waiters_.notify_all();
}

void AsioWait::wait() {
    const OutsideWork outside{scheduler_};
    if (done_) return;
    try {
        (void)detail::wait(waiters_, {}, "an Asio operation");
    } catch (...) {
        // It may write into the caller's buffers until it has ended.
        cancel_.emit(boost::asio::cancellation_type::terminal);
        if (!done_) {
            const Shield shield;
            (void)detail::wait(waiters_, {}, "an Asio operation, cancelled");
        }
        throw;
    }
}

}  // namespace grove::detail

boost::asio::io_context& grove::asio_context() {
    detail::Scheduler* const scheduler = detail::Scheduler::here();
    if (!scheduler) throw std::logic_error{"asio_context: there is no runtime on this thread"};
    return scheduler->service<detail::AsioGuest>().context();
}
