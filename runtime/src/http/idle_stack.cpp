#include "http/idle_stack.hpp"

#include <grove/core/detail/greenlet_state.hpp>

#include <sys/mman.h>

#include <cstdint>
#include <unistd.h>

namespace grove::detail {

namespace {

// Below the address of a local there are the rest of its frame, the red zone and the frame of madvise().
constexpr std::uintptr_t still_used = 1024;

}  // namespace

[[gnu::noinline]] void release_unused_stack() noexcept {
    const GreenletState* const greenlet = running_greenlet;
    if (!greenlet || !greenlet->stack.top) return;  // main has the thread's own
    static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    const auto bottom = reinterpret_cast<std::uintptr_t>(greenlet->stack.bottom());
    const std::uintptr_t begin = (bottom + page - 1) / page * page;
    const std::uintptr_t end = (here - still_used) / page * page;
    if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace grove::detail
