#include "platform/prompt_thread.hpp"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstdint>
#include <sched.h>
#include <unistd.h>

namespace grove::detail {

namespace {

/// struct sched_attr of linux/sched/types.h, which glibc's sched.h does not get along with.
struct SchedulingAttributes {
    std::uint32_t size = sizeof(SchedulingAttributes);
    std::uint32_t policy = SCHED_OTHER;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 0;
    std::uint64_t deadline_ns = 0;
    std::uint64_t period_ns = 0;
};

constexpr std::uint64_t shortest_slice_ns = 100'000;  // that the kernel grants

}  // namespace

void ask_to_run_promptly() noexcept {
    ::prctl(PR_SET_TIMERSLACK, 1UL);  // not 50 us late
    SchedulingAttributes wish;
    if (::syscall(SYS_sched_getattr, 0, &wish, sizeof wish, 0) != 0 || wish.policy != SCHED_OTHER) return;
    wish.runtime_ns = shortest_slice_ns;
    (void)::syscall(SYS_sched_setattr, 0, &wish, 0);
}

}  // namespace grove::detail
