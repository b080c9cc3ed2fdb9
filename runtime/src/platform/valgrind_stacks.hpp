#pragma once

#include <grove/base/assert.hpp>

#include <cstddef>
#include <vector>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define GROVE_VALGRIND 1
#endif

namespace grove::detail {

/// Tells Valgrind of stacks, if we run under it and its header was there when grove was built. Else it would
/// take a switch for a huge frame, and report errors that are none.
class ValgrindStacks {
public:
    ValgrindStacks() noexcept = default;
    ValgrindStacks(const ValgrindStacks&) = delete;
    ValgrindStacks& operator=(const ValgrindStacks&) = delete;

#if defined(GROVE_VALGRIND)
    ~ValgrindStacks() {
        for ([[maybe_unused]] const unsigned id : ids_) VALGRIND_STACK_DEREGISTER(id);
    }
    GROVE_COLD void add(const std::byte* bottom, const std::byte* top) {
        if (RUNNING_ON_VALGRIND) ids_.push_back(VALGRIND_STACK_REGISTER(bottom, top - 1));
    }

private:
    std::vector<unsigned> ids_;
#else
    ~ValgrindStacks() = default;
    void add(const std::byte*, const std::byte*) noexcept {}
#endif
};

}  // namespace grove::detail
