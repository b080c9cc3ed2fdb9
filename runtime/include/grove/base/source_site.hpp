#pragma once

namespace grove {

/// A place in the source, taken by a default argument at the call. What std::source_location is, for
/// the compilers that lack it (clang before 16).
struct SourceSite {
    const char* file = "";
    unsigned line = 0;

    [[nodiscard]] static constexpr SourceSite current(const char* file = __builtin_FILE(),
                                                      unsigned line = __builtin_LINE()) noexcept {
        return {file, line};
    }
};

}  // namespace grove
