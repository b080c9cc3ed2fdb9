#include "platform/stack_pool.hpp"

#include "base/log.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace grove::detail {

namespace {

// Small to begin with, for a runtime of a few greenlets. A million stacks of 256 KiB take about a thousand
// slabs, which the kernel joins into a few dozen maps (bench stack_pool_new).
constexpr std::size_t first_slab = 16;
constexpr std::size_t largest_slab = 1024;
constexpr std::size_t largest_slab_bytes = std::size_t{512} << 20;

constexpr std::size_t largest_stack = std::size_t{1} << 40;

[[nodiscard]] std::size_t page_size() noexcept {
    static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return size;
}

[[nodiscard]] std::size_t round_to_pages(std::size_t size) noexcept {
    return (size + page_size() - 1) / page_size() * page_size();
}

GROVE_COLD [[noreturn]] void throw_no_memory(std::size_t size) {
    throw std::system_error{std::make_error_code(std::errc::not_enough_memory),
                            "a stack of " + std::to_string(size) + " bytes"};
}

[[nodiscard]] std::size_t checked(std::size_t size) {
    if (size < StackPool::smallest) {
        throw std::invalid_argument{"a stack of " + std::to_string(size) +
                                    " bytes is too small: the least is " +
                                    std::to_string(StackPool::smallest)};
    }
    if (size > largest_stack) throw_no_memory(size);
    return size;
}

/// Null if there is no room. Without huge pages: the first touch of a stack would cost 2 MiB.
[[nodiscard]] void* map(std::size_t size) noexcept {
    void* begin = ::mmap(nullptr,
                         size,
                         PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK,
                         -1,
                         0);
    if (begin == MAP_FAILED) return nullptr;
    ::madvise(begin, size, MADV_NOHUGEPAGE);
    return begin;
}

}  // namespace

// --- guards ----------------------------------------------------------------------------------

namespace {

constexpr int madv_guard_install = 102;  // MADV_GUARD_INSTALL, which <sys/mman.h> does not know yet

/// Guards by mprotect, of all pools of the process. A guard splits a map in two and stands between: half of
/// what the process may have is left for everything else, whose mmap would fail too.
std::atomic<std::size_t> mprotect_guards{0};

[[nodiscard]] std::size_t mprotect_budget() {
    static const std::size_t guards = [] {
        std::size_t maps = 65530;  // the kernel's default
        std::ifstream{"/proc/sys/vm/max_map_count"} >> maps;
        return maps / 4;
    }();
    return guards;
}

GROVE_COLD void log_fall(GuardKind to) noexcept {
    static std::atomic<bool> said_mprotect{false};
    static std::atomic<bool> said_canary{false};
    if (to == GuardKind::mprotect && !said_mprotect.exchange(true)) {
        log(Level::warning,
            "no guard pages by madvise (Linux 6.13 has them): stacks are guarded by mprotect, as far "
            "as the memory maps last");
    } else if (to == GuardKind::canary && !said_canary.exchange(true)) {
        log(Level::warning,
            "no memory maps left for guard pages (vm.max_map_count): an overflow of the stacks made "
            "from now on is noticed only when their greenlet switches away or has run through all below it");
    }
}

[[nodiscard]] bool mprotect_guard(std::byte* page) noexcept {
    if (mprotect_guards.fetch_add(1, std::memory_order_relaxed) < mprotect_budget() &&
        ::mprotect(page, page_size(), PROT_NONE) == 0) {
        return true;
    }
    mprotect_guards.fetch_sub(1, std::memory_order_relaxed);
    return false;
}

[[nodiscard]] GuardKind first_guard(std::optional<GuardKind> force) {
    if (force) return *force;
    const char* set = std::getenv("GROVE_STACK_GUARD");
    const std::string_view name = set ? set : "madvise";
    if (name == "mprotect") return GuardKind::mprotect;
    if (name == "canary") return GuardKind::canary;
    if (name != "madvise") {
        log(Level::warning, "GROVE_STACK_GUARD is neither madvise, mprotect nor canary: ignored");
    }
    return GuardKind::madvise;
}

}  // namespace

GuardKind StackClass::install_guard(std::byte* page, GuardKind kind) noexcept {
    if (kind == GuardKind::madvise) {
        if (::madvise(page, page_size(), madv_guard_install) == 0) return kind;
        log_fall(GuardKind::mprotect);
        kind = GuardKind::mprotect;
    }
    if (kind == GuardKind::mprotect) {
        if (mprotect_guard(page)) {
            ++mprotected_;
            return kind;
        }
        log_fall(GuardKind::canary);
    }
    return GuardKind::canary;
}

// A canary of zeros costs no memory: pages that were never written read as zeros. What an overflow leaves
// there (return addresses, mostly) is not zero.
bool StackPool::canary_intact(StackSpan span) noexcept {
    const std::byte* canary = span.bottom() - canary_size;
    return std::all_of(canary, canary + canary_size, [](std::byte b) { return b == std::byte{0}; });
}

// --- stacks of one size ----------------------------------------------------------------------

StackClass::StackClass(std::size_t stack_size, std::size_t keep_warm)
    : stack_size_{round_to_pages(stack_size)},
      stride_{stack_size_ + page_size()},
      keep_warm_{keep_warm},
      next_slab_{first_slab} {
    warm_.reserve(keep_warm_);
}

StackClass::~StackClass() {
    for (const Slab& slab : slabs_) ::munmap(slab.begin, slab.size);
    mprotect_guards.fetch_sub(mprotected_, std::memory_order_relaxed);
}

StackSpan StackClass::take_slow(GuardKind& guard) {
    if (!cold_.empty()) {
        const StackSpan span = cold_.back();
        cold_.pop_back();
        return span;
    }
    if (uncarved_ == slab_end_) map_slab(guard);
    guard = install_guard(uncarved_, guard);
    uncarved_ += stride_;
    valgrind_stacks_.add(uncarved_ - stack_size_, uncarved_);
    return {uncarved_, guard == GuardKind::canary ? stack_size_ - StackPool::canary_size : stack_size_};
}

void StackClass::give_back_slow(StackSpan span) noexcept {
    ::madvise(span.top - stack_size_, stack_size_, MADV_DONTNEED);
    cold_.push_back(span);
}

// Whoever lives near its limit of address space gets smaller slabs before it gets an error.
void StackClass::map_slab(GuardKind guard) {
    std::size_t stacks = std::clamp(largest_slab_bytes / stride_, std::size_t{1}, next_slab_);
    slabs_.reserve(slabs_.size() + 1);
    cold_.reserve(mapped_ + stacks);
    // Past canaries, endless recursion ends here. Without them the page would only keep the kernel from
    // joining the maps of a million stacks.
    const std::size_t end = guard == GuardKind::canary ? page_size() : 0;
    void* begin = map(end + stacks * stride_);
    while (!begin && stacks > 1) begin = map(end + (stacks /= 2) * stride_);
    if (!begin) throw_no_memory(stack_size_);
    if (end > 0) ::mprotect(begin, end, PROT_NONE);

    slabs_.push_back({static_cast<std::byte*>(begin), end, end + stacks * stride_});
    uncarved_ = slabs_.back().begin + end;
    slab_end_ = slabs_.back().begin + slabs_.back().size;
    mapped_ += stacks;
    next_slab_ = std::min(2 * next_slab_, largest_slab);
}

bool StackClass::is_guard(const void* address) const noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    return std::any_of(slabs_.begin(), slabs_.end(), [&](const Slab& slab) {
        const auto offset = at - reinterpret_cast<std::uintptr_t>(slab.begin);
        if (offset >= slab.size) return false;
        return offset < slab.end || (offset - slab.end) % stride_ < page_size();
    });
}

// --- the pool --------------------------------------------------------------------------------

StackPool::StackPool(const StackPoolOptions& options)
    : guard_{first_guard(options.force)},
      keep_warm_{options.keep_warm},
      ordinary_{checked(options.stack_size), options.keep_warm} {}

StackPool::~StackPool() {
    GROVE_ASSERT(in_use_ == 0, "a stack pool ends after the greenlets that run on its stacks");
}

StackClass& StackPool::class_for(std::size_t size) {
    const std::size_t rounded = std::bit_ceil(checked(size));
    if (size <= ordinary_.stack_size() && ordinary_.stack_size() <= rounded) return ordinary_;
    auto& other = others_[static_cast<std::size_t>(std::countr_zero(rounded))];
    if (!other) other = std::make_unique<StackClass>(rounded, keep_warm_);
    return *other;
}

StackClass& StackPool::class_of(StackSpan span) noexcept {
    const std::size_t size = uses_canary(span) ? span.size + canary_size : span.size;
    return size == ordinary_.stack_size() ? ordinary_
                                          : *others_[static_cast<std::size_t>(std::countr_zero(size))];
}

StackStats StackPool::stats() const noexcept {
    StackStats stats{in_use_, ordinary_.free(), ordinary_.slabs()};
    for (const auto& other : others_) {
        if (!other) continue;
        stats.free += other->free();
        stats.slabs += other->slabs();
    }
    return stats;
}

bool StackPool::is_guard(const void* address) const noexcept {
    return ordinary_.is_guard(address) || std::any_of(others_.begin(), others_.end(), [&](const auto& other) {
               return other && other->is_guard(address);
           });
}

}  // namespace grove::detail
