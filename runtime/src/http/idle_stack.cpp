#include "http/idle_stack.hpp"

#include <grove/core/detail/greenlet_state.hpp>

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <unistd.h>

namespace grove::detail {

namespace {

// Below the address of a local there are the rest of its frame, the red zone and the frame of madvise().
constexpr std::ptrdiff_t still_used = 512;

}  // namespace

[[gnu::noinline]] void release_unused_stack() noexcept {
    const GreenletState* const greenlet = running_greenlet;
    if (!greenlet || !greenlet->stack.top) return;  // main has the thread's own
    static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    std::byte* const bottom = greenlet->stack.bottom();
    const auto offset = reinterpret_cast<std::uintptr_t>(bottom) % page;
    std::byte* const begin = offset == 0 ? bottom : bottom + (page - offset);
    const auto* const here = static_cast<const std::byte*>(__builtin_frame_address(0));
    const auto unused = here - begin - still_used;
    if (unused > 0) ::madvise(begin, static_cast<std::size_t>(unused) / page * page, MADV_DONTNEED);
}

}  // namespace grove::detail
