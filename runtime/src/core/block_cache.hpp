#pragma once

#include "platform/sanitizers.hpp"

#include <array>
#include <cstddef>
#include <new>

namespace grove::detail {

constexpr std::size_t cache_line = 64;

/// Free blocks of what comes and goes with each greenlet and each connection: control blocks, closures and
/// all, and descriptors. They come and go in bursts of more than the allocator keeps at hand (glibc: seven of
/// a size, and none that is aligned): a third of the instructions of a short connection (bench/raw_hello
/// --close), and 10 ns of spawn + join (bench spawn/run_join).
///
/// Used by one thread. A block may come from one and go to another, or to none, of the same alignment.
class BlockCache {
public:
    explicit BlockCache(std::size_t alignment) noexcept : alignment_{alignment} {}
    ~BlockCache() {
        for (List& list : lists_) {
            while (Block* const block = list.take()) free(block, alignment_);
        }
    }
    BlockCache(const BlockCache&) = delete;
    BlockCache& operator=(const BlockCache&) = delete;

    [[nodiscard]] void* take(std::size_t size) {
        Block* const block = is_kept(size) ? lists_[index(size)].take() : nullptr;
        return block ? block : make(size, alignment_);
    }
    void give_back(void* place, std::size_t size) noexcept {
        if (!is_kept(size) || !lists_[index(size)].put(place)) free(place, alignment_);
    }

    // Without a cache.
    [[nodiscard]] static void* make(std::size_t size, std::size_t alignment) {
        const std::size_t rounded = (index(size) + 1) * step;
        return alignment > step ? ::operator new (rounded, std::align_val_t{alignment})
                                : ::operator new(rounded);
    }
    static void free(void* place, std::size_t alignment) noexcept {
        // Not by ?: as above: with it clang 14 makes both calls.
        if (alignment > step) {
            ::operator delete (place, std::align_val_t{alignment});
        } else {
            ::operator delete(place);
        }
    }

private:
    static constexpr std::size_t step = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
    static constexpr std::size_t largest = 512;
    static constexpr unsigned most_of_a_size = 256;

    struct Block {
        Block* next;
    };
    struct List {
        [[nodiscard]] Block* take() noexcept {
            Block* const block = first;
            if (!block) return nullptr;
            first = block->next;
            --count;
            return block;
        }
        [[nodiscard]] bool put(void* place) noexcept {
            if (count == most_of_a_size) return false;
            first = new (place) Block{first};
            ++count;
            return true;
        }

        Block* first = nullptr;
        unsigned count = 0;
    };

    [[nodiscard]] static constexpr std::size_t index(std::size_t size) noexcept { return (size - 1) / step; }
#if defined(GROVE_ASAN)
    [[nodiscard]] static constexpr bool is_kept(std::size_t) noexcept {
        return false;
    }  // it is to find stale uses
#else
    [[nodiscard]] static constexpr bool is_kept(std::size_t size) noexcept {
        return size <= largest;
    }
#endif

    const std::size_t alignment_;
    std::array<List, largest / step> lists_{};
};

/// By the caches of the runtime on this thread, if there is one. size: not 0. alignment: the one of every
/// new, or cache_line. Defined in scheduler.hpp.
[[nodiscard]] void* allocate_block(std::size_t size, std::size_t alignment);
void free_block(void* place, std::size_t size, std::size_t alignment) noexcept;

/// Base of what new makes in such blocks.
template <std::size_t Alignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__>
struct InBlocks {
    static void* operator new(std::size_t size) { return allocate_block(size, Alignment); }
    static void operator delete(void* place, std::size_t size) noexcept {
        free_block(place, size, Alignment);
    }
};

}  // namespace grove::detail
