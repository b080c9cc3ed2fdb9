#pragma once

// GROVE_ASAN or GROVE_TSAN, in a build with that sanitizer, by either compiler.
#if defined(__SANITIZE_ADDRESS__)
#define GROVE_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define GROVE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GROVE_ASAN 1
#elif __has_feature(thread_sanitizer)
#define GROVE_TSAN 1
#endif
#endif
