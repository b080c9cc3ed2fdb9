#include <grove/base/assert.hpp>
#include <grove/core/gil.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/wait_list.hpp>

#include "core/runtime_control.hpp"
#include "core/scheduler.hpp"
#include "net/crew.hpp"
#include "net/socket_state.hpp"

#include <algorithm>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <utility>
#include <vector>

namespace grove::detail {

namespace {

// The least a thread is given; the system needs some of it for itself.
constexpr std::size_t smallest_stack = 64 * 1024;

class ThreadCrew;

/// A part of each runtime: its crews of threads. At its end those who still work are made to leave, while
/// there still is a Gil for them.
class ThreadCrews {
public:
    ThreadCrews() = default;
    ~ThreadCrews();
    ThreadCrews(const ThreadCrews&) = delete;
    ThreadCrews& operator=(const ThreadCrews&) = delete;

    void add(ThreadCrew& crew) { crews_.push_back(&crew); }
    void remove(ThreadCrew& crew) noexcept { std::erase(crews_, &crew); }

private:
    std::vector<ThreadCrew*> crews_;
};

/// Threads that have ended are joined by the next who comes by: so none is left when the crew is gone, and
/// nobody has to wait for more than its last instructions.
class ThreadCrew final : public Crew {
public:
    ThreadCrew(Handler& handler, bool under_gil) : handler_{handler}, under_gil_{under_gil} {
        crews_->add(*this);
    }
    ~ThreadCrew() override {
        join_ended();
        if (crews_) crews_->remove(*this);
    }
    /// For the end of the runtime.
    void end() noexcept;

    void serve(net::Socket) override;
    std::size_t size() const noexcept override;
    bool wait_until_left(std::size_t n, Deadline) override;
    void hurry() noexcept override;
    bool includes_caller() const noexcept override { return false; }

private:
    struct Member {
        ThreadCrew& crew;
        net::Socket socket;
        std::shared_ptr<HangUp> hang_up;
        pthread_t thread{};
        std::list<Member>::iterator place{};
    };
    /// What a thread touches when it may be the last, and the crew gone.
    struct Shared {
        std::mutex mutex;  // guards the lists
        std::list<Member> working;
        std::list<Member> ended;           // to be joined
        std::condition_variable one_left;  // for who waits outside of a greenlet
        WaitList greenlets;                // the same for greenlets; guarded by the Gil
    };

    static void* thread_main(void* member) noexcept;
    void work(net::Socket) noexcept;
    static void leave(Member&) noexcept;
    [[nodiscard]] bool block_until_left(std::size_t n, Deadline);
    void join_ended() noexcept;

    const std::shared_ptr<RuntimeControl> control_ = Scheduler::touchable()->control();
    const RuntimeRef runtime_{control_};
    std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
    Handler& handler_;
    const bool under_gil_;
    /// As a greenlet's, so that a handler has the same room in every model.
    const std::size_t stack_size_ = std::max(Scheduler::touchable()->options().stack_size, smallest_stack);
    Os& os_ = os();
    ThreadCrews* crews_ = &Scheduler::touchable()->service<ThreadCrews>();  // null: the runtime has ended
};

// --- The server's side ----------------------------------------------------------------------------

void ThreadCrew::serve(net::Socket socket) {
    join_ended();
    auto hang_up = std::make_shared<HangUp>(socket.native_handle());
    SocketAccess::state(socket).share(hang_up);
    std::list<Member> one;
    one.push_back({.crew = *this, .socket = std::move(socket), .hang_up = std::move(hang_up)});

    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, stack_size_);
    const std::scoped_lock lock{shared_->mutex};  // it must not leave before it is in the list
    Member& member = one.front();
    const int error = ::pthread_create(&member.thread, &attributes, &thread_main, &member);
    ::pthread_attr_destroy(&attributes);
    if (error != 0) throw std::system_error{error, std::generic_category(), "pthread_create"};
    member.place = one.begin();
    shared_->working.splice(shared_->working.end(), one);
}

std::size_t ThreadCrew::size() const noexcept {
    const std::scoped_lock lock{shared_->mutex};
    return shared_->working.size();
}

bool ThreadCrew::wait_until_left(std::size_t n, Deadline by) {
    if (!running_greenlet) return block_until_left(n, by);
    while (size() > n) {
        if (!detail::wait(shared_->greenlets, by, "StreamServer: the end of a connection")) return false;
    }
    join_ended();
    return true;
}

/// The same, but not in a greenlet.
bool ThreadCrew::block_until_left(std::size_t n, Deadline by) {
    {
        const GilReleased released;
        std::unique_lock lock{shared_->mutex};
        const auto left = [this, n] { return shared_->working.size() <= n; };
        if (by.is_never()) {
            shared_->one_left.wait(lock, left);
        } else if (!shared_->one_left.wait_until(lock, by.at(), left)) {
            return false;
        }
    }
    join_ended();
    return true;
}

void ThreadCrew::end() noexcept {
    hurry();
    (void)block_until_left(0, {});
    crews_ = nullptr;
}

ThreadCrews::~ThreadCrews() {
    for (ThreadCrew* crew : crews_) crew->end();
}

void ThreadCrew::hurry() noexcept {
    const std::scoped_lock lock{shared_->mutex};
    for (const Member& member : shared_->working) member.hang_up->shut_down();
}

void ThreadCrew::join_ended() noexcept {
    std::list<Member> ended;
    {
        const std::scoped_lock lock{shared_->mutex};
        ended.swap(shared_->ended);
    }
    if (ended.empty()) return;
    const GilReleased released;
    for (const Member& member : ended) ::pthread_join(member.thread, nullptr);
}

// --- The thread's side ----------------------------------------------------------------------------

void* ThreadCrew::thread_main(void* self) noexcept {
    Member& member = *static_cast<Member*>(self);
    ::pthread_setname_np(::pthread_self(), "grove-server");
    set_os(member.crew.os_);
    served_runtime = member.crew.control_.get();
    member.crew.work(std::move(member.socket));
    leave(member);
    return nullptr;
}

void ThreadCrew::work(net::Socket socket) noexcept {
    try {
        std::optional<std::scoped_lock<Gil>> held;
        if (under_gil_) held.emplace(runtime_.gil());
        serve_connection(handler_, std::move(socket));
    } catch (const Unwind&) {
        // As a greenlet's: it ends in silence.
    } catch (const std::system_error&) {
        // The runtime has ended, and the Gil with it.
    }
}

void ThreadCrew::leave(Member& member) noexcept {
    const std::shared_ptr<Shared> shared = member.crew.shared_;
    const RuntimeRef runtime = member.crew.runtime_;
    {
        const std::scoped_lock lock{shared->mutex};
        shared->ended.splice(shared->ended.end(), shared->working, member.place);
        shared->one_left.notify_all();
    }
    // The crew may be gone now, and the member.
    runtime.post([shared] { shared->greenlets.notify_all(); });
}

}  // namespace

std::unique_ptr<Crew> make_thread_crew(Crew::Handler& handler, net::Model model) {
    return std::make_unique<ThreadCrew>(handler, model == net::Model::gil_threads);
}

}  // namespace grove::detail
