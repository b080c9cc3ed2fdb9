#include <grove/core/gil.hpp>
#include <grove/core/timeout.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/sync/detail/shared_wait_list.hpp>

#include "core/inbox.hpp"
#include "core/scheduler.hpp"

#include <condition_variable>

namespace grove::detail {

/// Linked in the list until told; lies on the stack of who waits.
struct SharedWaitList::Place {
    explicit Place(SharedWaitList& l) noexcept : list{l}, prev{l.last_} {
        (prev ? prev->next : list.first_) = this;
        list.last_ = this;
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    virtual void wake() noexcept = 0;
    void unlink() noexcept {
        (prev ? prev->next : list.first_) = next;
        (next ? next->prev : list.last_) = prev;
    }
    /// Whether it was told.
    bool leave() noexcept {
        if (told) {
            --list.told_;
        } else {
            unlink();
        }
        return told;
    }

    SharedWaitList& list;
    Place* prev;
    Place* next = nullptr;
    bool told = false;

protected:
    ~Place() = default;
};

/// Woken by way of its runtime's inbox. As long as the news is under way, the place has to stay.
class SharedWaitList::GreenletPlace final : public Place, InboxNode {
public:
    GreenletPlace(SharedWaitList& l, Scheduler& scheduler) noexcept
        : Place{l}, InboxNode{&arrive}, scheduler_{scheduler} {}

    bool wait(std::unique_lock<std::mutex>& lock, Deadline by, const char* what) {
        lock.unlock();
        try {
            const OutsideWork outside{scheduler_};
            (void)detail::wait(news_, by, what);
        } catch (...) {
            (void)come_back(lock);
            throw;
        }
        return come_back(lock);
    }

private:
    bool come_back(std::unique_lock<std::mutex>& lock) {
        lock.lock();
        if (told && !arrived_) {
            lock.unlock();
            const Shield shield;
            while (!arrived_) detail::wait(news_, {}, "news under way");
            lock.lock();
        }
        return leave();
    }
    void wake() noexcept override { scheduler_.post(*this); }
    static void arrive(InboxNode& node) noexcept {
        auto& self = static_cast<GreenletPlace&>(node);
        self.arrived_ = true;
        self.news_.notify_all();
    }

    Scheduler& scheduler_;
    WaitList news_;  // this and the next by the runtime's thread alone
    bool arrived_ = false;
};

class SharedWaitList::ThreadPlace final : public Place {
public:
    using Place::Place;

    bool wait(std::unique_lock<std::mutex>& lock, Deadline by) {
        lock.unlock();
        {
            const GilReleased
                released;  // got back without the mutex, which others take while they have the Gil
            lock.lock();
            const auto is_told = [this] { return told; };
            if (by.is_never()) {
                woken_.wait(lock, is_told);
            } else {
                woken_.wait_until(lock, by.at(), is_told);
            }
            lock.unlock();
        }
        lock.lock();
        return leave();
    }

private:
    void wake() noexcept override { woken_.notify_one(); }

    std::condition_variable woken_;
};

bool SharedWaitList::wait(std::unique_lock<std::mutex>& lock, Deadline by, const char* what) {
    Scheduler* const scheduler = Scheduler::here();
    if (scheduler && running_greenlet) return GreenletPlace{*this, *scheduler}.wait(lock, by, what);
    return ThreadPlace{*this}.wait(lock, by);
}

bool SharedWaitList::tell_first() noexcept {
    Place* const place = first_;
    if (!place) return false;
    place->unlink();
    place->told = true;
    ++told_;
    place->wake();
    return true;
}

}  // namespace grove::detail
