#include <grove/base/assert.hpp>

#include <cstdio>
#include <cstdlib>

namespace grove::detail {

void assertion_failed(const char* condition, const char* sentence, const char* file, unsigned line) noexcept {
    std::fprintf(stderr, "grove: %s (%s, at %s:%u)\n", sentence, condition, file, line);
    std::abort();
}

}  // namespace grove::detail
