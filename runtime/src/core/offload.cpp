#include <grove/core/gil.hpp>
#include <grove/core/offload.hpp>

#include "core/greenlet_internal.hpp"
#include "core/native_pool.hpp"
#include "core/scheduler.hpp"

#include <list>
#include <system_error>

namespace grove::detail {

namespace {

/// The jobs of one greenlet; touched by the runtime's thread alone.
struct Batch {
    Scheduler& scheduler;
    GreenletState& greenlet;
    std::size_t left;
    Clock::time_point begun = Clock::now();
};

/// A job on its way to the pool and back.
struct Errand : PoolJob, InboxNode {
    Errand(Batch& b, OffloadJob& j) noexcept : PoolJob{&work}, InboxNode{&come_back}, batch{b}, job{j} {}

    static void work(PoolJob& node) noexcept {
        auto& self = static_cast<Errand&>(node);
        self.taken = Clock::now();
        self.job.work();
        self.batch.scheduler.post(self);
    }
    static void come_back(InboxNode& node) noexcept {
        const auto& self = static_cast<Errand&>(node);
        Batch& batch = self.batch;
        batch.scheduler.note_offload(batch.greenlet, self.taken - batch.begun);
        if (--batch.left == 0) batch.scheduler.make_ready(batch.greenlet);
    }

    Batch& batch;
    OffloadJob& job;
    Clock::time_point taken{};
};

/// A kill has to find the job's stop source while the greenlet waits.
class HurryScope {
public:
    HurryScope(GreenletState& g, Hurry* hurry) noexcept : greenlet_{g} { g.hurry = hurry; }
    ~HurryScope() { greenlet_.hurry = nullptr; }
    HurryScope(const HurryScope&) = delete;
    HurryScope& operator=(const HurryScope&) = delete;

private:
    GreenletState& greenlet_;
};

/// Submits all, then waits for those that could be submitted.
template <class Errands>
void run_errands(Batch& batch, Errands& errands) {
    std::exception_ptr failure;
    for (Errand& errand : errands) {
        try {
            batch.scheduler.offload_pool().submit(errand);
        } catch (const std::system_error&) {
            failure = std::current_exception();
            break;
        }
        ++batch.left;
    }
    if (batch.left > 0) batch.scheduler.suspend_for("offload");
    if (failure) std::rethrow_exception(failure);
}

}  // namespace

void run_offloaded(std::span<OffloadJob* const> jobs, Hurry* hurry) {
    Scheduler* const scheduler = Scheduler::here();
    if (!scheduler || !running_greenlet) {
        const GilReleased released;
        for (OffloadJob* job : jobs) job->work();
        return;
    }
    if (jobs.empty()) return;
    GreenletState& g = *running_greenlet;
    throw_if_signalled(g);
    const OutsideWork outside{*scheduler};
    const HurryScope hurry_scope{g, hurry};
    Batch batch{*scheduler, g, 0};
    if (jobs.size() == 1) {
        Errand errands[] = {{batch, *jobs.front()}};
        return run_errands(batch, errands);
    }
    std::list<Errand> errands;  // they stay where they are
    for (OffloadJob* job : jobs) errands.emplace_back(batch, *job);
    run_errands(batch, errands);
}

std::size_t offload_width() {
    Scheduler* const scheduler = Scheduler::here();
    return scheduler && running_greenlet ? scheduler->offload_pool().max_threads() : 1;
}

}  // namespace grove::detail
