#include "io/child_reaper.hpp"

#include "core/scheduler.hpp"
#include "platform/event_loop.hpp"

#include <cerrno>
#include <list>
#include <mutex>
#include <new>

namespace grove::detail {

namespace {

/// Also when somebody else took its status.
bool has_ended(int pidfd) noexcept {
    siginfo_t end;
    int result = 0;
    do {
        result = os().reap_process(pidfd, &end);
    } while (result == -EINTR);
    return result < 0 || end.si_pid != 0;
}

/// Children that no runtime looks after.
struct Strays {
    std::mutex mutex;
    std::list<UniqueFd> pidfds;
};

Strays& strays() {
    static Strays all;
    return all;
}

void stray(UniqueFd pidfd) {
    Strays& all = strays();
    const std::scoped_lock lock{all.mutex};
    all.pidfds.push_back(std::move(pidfd));
}

/// A part of a runtime: the children it looks after.
class ChildReaper {
public:
    ChildReaper() noexcept : scheduler_{*Scheduler::here()} {}
    ~ChildReaper() {
        const std::scoped_lock held{scheduler_.gil()};
        for (Child& child : children_) {
            scheduler_.loop().forget(child.pidfd.get());
            if (!has_ended(child.pidfd.get())) stray(std::move(child.pidfd));
        }
    }
    ChildReaper(const ChildReaper&) = delete;
    ChildReaper& operator=(const ChildReaper&) = delete;

    void adopt(UniqueFd pidfd) {
        Child& child = children_.emplace_back(std::move(pidfd), *this);
        child.self = std::prev(children_.end());
        if (!scheduler_.loop().watch(child.pidfd.get(), child)) return;
        UniqueFd unwatched = std::move(child.pidfd);
        children_.pop_back();
        stray(std::move(unwatched));
    }

private:
    struct Child final : FdWatch {
        Child(UniqueFd fd, ChildReaper& r) noexcept : pidfd{std::move(fd)}, reaper{r} {}
        void on_ready(Readiness) noexcept override {
            if (!has_ended(pidfd.get()))
                return reaper.scheduler_.loop().rearm(pidfd.get(), Readiness::readable);
            reaper.scheduler_.loop().forget(pidfd.get());
            reaper.children_.erase(self);
        }
        UniqueFd pidfd;
        ChildReaper& reaper;
        std::list<Child>::iterator self;
    };

    Scheduler& scheduler_;
    std::list<Child> children_;
};

}  // namespace

void reap_later(UniqueFd pidfd) noexcept {
    if (pidfd.get() < 0 || has_ended(pidfd.get())) return;
    try {
        if (Scheduler* const scheduler = Scheduler::here()) {
            scheduler->service<ChildReaper>().adopt(std::move(pidfd));
        } else {
            stray(std::move(pidfd));
        }
    } catch (const std::bad_alloc&) {
        // One zombie, until this process ends.
    }
}

void reap_ended() noexcept {
    Strays& all = strays();
    const std::scoped_lock lock{all.mutex};
    all.pidfds.remove_if([](const UniqueFd& pidfd) { return has_ended(pidfd.get()); });
}

}  // namespace grove::detail
