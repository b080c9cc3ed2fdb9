#include "core/block_cache.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

using grove::detail::BlockCache;
using grove::detail::cache_line;

TEST_SUITE_BEGIN("core/block_cache");

TEST_CASE("blocks of any size are aligned, one's own, and come back to be used again") {
    for (const std::size_t alignment : {std::size_t{__STDCPP_DEFAULT_NEW_ALIGNMENT__}, cache_line}) {
        BlockCache cache{alignment};
        struct Taken {
            void* place;
            std::size_t size;
        };
        std::vector<Taken> taken;
        for (int round = 0; round < 2; ++round) {
            std::set<void*> places;
            for (std::size_t size = 1; size <= 600; size += 7) {
                taken.push_back({cache.take(size), size});
                std::memset(taken.back().place, 0xff, size);
                CHECK(reinterpret_cast<std::uintptr_t>(taken.back().place) % alignment == 0);
                CHECK(places.insert(taken.back().place).second);
            }
            for (const Taken& block : taken) cache.give_back(block.place, block.size);
            taken.clear();
        }
    }
}

#if !defined(GROVE_ASAN)
TEST_CASE("what was given back last is taken first, by the same size alone") {
    BlockCache cache{cache_line};
    void* const first = cache.take(100);
    void* const second = cache.take(100);
    cache.give_back(first, 100);
    cache.give_back(second, 100);
    void* const other = cache.take(200);
    CHECK(other != first);
    CHECK(other != second);
    CHECK(cache.take(100) == second);
    CHECK(cache.take(100) == first);
    for (const auto& [place, size] : {std::pair{first, 100}, std::pair{second, 100}, std::pair{other, 200}}) {
        cache.give_back(place, static_cast<std::size_t>(size));
    }
}
#endif

TEST_SUITE_END();
