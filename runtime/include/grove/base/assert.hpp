#pragma once

// GROVE_ASSERT(condition, "a sentence"): misuse by the caller ends the process with the sentence and the
// place. On in debug and sanitizer builds (GROVE_ASSERTS), free elsewhere.

namespace grove::detail {
[[noreturn]] void assertion_failed(const char* condition,
                                   const char* sentence,
                                   const char* file,
                                   unsigned line) noexcept;
}  // namespace grove::detail

#if defined(GROVE_ASSERTS)
#define GROVE_ASSERT(condition, sentence)                              \
    (static_cast<bool>(condition) ? static_cast<void>(0)               \
                                  : ::grove::detail::assertion_failed( \
                                        #condition, sentence, __FILE__, static_cast<unsigned>(__LINE__)))
#else
// Named so that a variable used by assertions alone is not "unused"; never evaluated.
#define GROVE_ASSERT(condition, sentence) static_cast<void>(sizeof(static_cast<bool>(condition)))
#endif

/// The cold half of a hot function: kept out of line and out of the way.
#define GROVE_COLD [[gnu::cold, gnu::noinline]]
