#pragma once

#include <grove/base/assert.hpp>
#include <grove/base/fiber_record.hpp>

#include "platform/valgrind_stacks.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

namespace grove::detail {

/// What stands below a stack to notice that it overflowed.
enum class GuardKind {
    madvise,   ///< a guard page by MADV_GUARD_INSTALL (Linux 6.13): costs no memory map
    mprotect,  ///< a guard page by mprotect: costs two memory maps, of which a process may have 65,530
    canary,    ///< bytes that must stay zero, looked at when a greenlet switches away; a guard page per slab
};

struct StackPoolOptions {
    std::size_t stack_size = 256 * 1024;  ///< rounded up to pages
    /// The guard to begin with; unset: what GROVE_STACK_GUARD (madvise, mprotect, canary) says, or the best.
    std::optional<GuardKind> force{};
    /// So many free stacks of a size keep their memory, a few KiB each as a rule: enough for a burst of short
    /// connections to cost no page faults.
    std::size_t keep_warm = 1024;
};

struct StackStats {
    std::size_t in_use = 0;
    std::size_t free = 0;   ///< used before, ready to be used again
    std::size_t slabs = 0;  ///< mappings made
};

/// Stacks of one size, carved from slabs:
///
///     slab: | end | guard | stack 0 | guard | stack 1 | ... | not carved yet |
///
/// The end is a page where the stacks have canaries only, else nothing.
///
/// A slab is address space only; a stack costs memory from its first touch, a guard from when it is carved.
/// Free stacks are reused last in first out, and listed outside of themselves: reuse touches none of theirs.
///
/// Invariants:
///  1. Every stack ever carved is in use, in warm_, or in cold_ (its memory went back to the system).
///  2. Only when both are empty is one carved; both have room for all that may come: give_back() cannot fail.
class StackClass {
public:
    StackClass(std::size_t stack_size, std::size_t keep_warm);
    StackClass(const StackClass&) = delete;
    StackClass& operator=(const StackClass&) = delete;
    ~StackClass();

    /// A new stack is guarded by the given kind, or the next that works, which is then returned in its place.
    [[nodiscard]] StackSpan take(GuardKind&);
    void give_back(StackSpan) noexcept;

    [[nodiscard]] std::size_t stack_size() const noexcept { return stack_size_; }
    [[nodiscard]] std::size_t free() const noexcept { return warm_.size() + cold_.size(); }
    [[nodiscard]] std::size_t slabs() const noexcept { return slabs_.size(); }
    [[nodiscard]] bool is_guard(const void* address) const noexcept;

private:
    struct Slab {
        std::byte* begin;
        std::size_t end;   // bytes below the first guard that nothing may touch
        std::size_t size;  // with them
    };

    GROVE_COLD [[nodiscard]] StackSpan take_slow(GuardKind&);
    GROVE_COLD void give_back_slow(StackSpan) noexcept;
    void map_slab(GuardKind);
    [[nodiscard]] GuardKind install_guard(std::byte* page, GuardKind) noexcept;

    std::size_t stack_size_;
    std::size_t stride_;
    std::size_t keep_warm_;
    std::vector<StackSpan> warm_;
    std::vector<StackSpan> cold_;

    std::vector<Slab> slabs_;  // the last one alone may have room
    std::byte* uncarved_ = nullptr;
    std::byte* slab_end_ = nullptr;
    std::size_t next_slab_;   // in stacks
    std::size_t mapped_ = 0;  // stacks, carved or not
    std::size_t mprotected_ = 0;
    ValgrindStacks valgrind_stacks_;
};

/// Where greenlets get their stacks. One thread at a time.
class StackPool {
public:
    static constexpr std::size_t smallest = 16 * 1024;

    /// **Throws** std::invalid_argument for a stack_size below `smallest`.
    explicit StackPool(const StackPoolOptions& = {});
    ~StackPool();

    /// A stack of at least this size; 0: of the pool's own size. Others are rounded up to a power of two, so
    /// that they too are reused. **Throws** std::invalid_argument below `smallest`,
    /// std::system_error(not_enough_memory).
    [[nodiscard]] StackSpan take(std::size_t size = 0);
    /// Requires: nobody runs on it any more. Its memory may be gone on return.
    void give_back(StackSpan) noexcept;

    /// How the next new stack will be guarded. Falls from kind to kind as the system refuses them.
    [[nodiscard]] GuardKind guard() const noexcept { return guard_; }
    [[nodiscard]] StackStats stats() const noexcept;
    /// True of the addresses below a stack that nothing may touch. Async-signal-safe.
    [[nodiscard]] bool is_guard(const void* address) const noexcept;

    /// The canary lies right below the span, so that one is not a whole number of pages.
    [[nodiscard]] static bool uses_canary(StackSpan span) noexcept { return (span.size & canary_size) != 0; }
    /// Requires: uses_canary(span).
    [[nodiscard]] static bool canary_intact(StackSpan span) noexcept;

    static constexpr std::size_t canary_size = 64;

private:
    [[nodiscard]] StackClass& class_for(std::size_t size);
    [[nodiscard]] StackClass& class_of(StackSpan) noexcept;

    GuardKind guard_;
    std::size_t keep_warm_;
    std::size_t in_use_ = 0;
    StackClass ordinary_;
    std::array<std::unique_ptr<StackClass>, 48> others_;  // by the power of two; made on first use
};

// ---------------------------------------------------------------------------------------------

inline StackSpan StackClass::take(GuardKind& guard) {
    if (warm_.empty()) return take_slow(guard);
    const StackSpan span = warm_.back();
    warm_.pop_back();
    return span;
}

inline void StackClass::give_back(StackSpan span) noexcept {
    if (warm_.size() >= keep_warm_) return give_back_slow(span);
    warm_.push_back(span);
}

inline StackSpan StackPool::take(std::size_t size) {
    StackClass& from = size == 0 ? ordinary_ : class_for(size);
    const StackSpan span = from.take(guard_);
    ++in_use_;
    return span;
}

inline void StackPool::give_back(StackSpan span) noexcept {
    StackClass& to = span.size == ordinary_.stack_size() ? ordinary_ : class_of(span);
    to.give_back(span);
    --in_use_;
}

}  // namespace grove::detail
