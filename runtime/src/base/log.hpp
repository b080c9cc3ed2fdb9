#pragma once

#include <exception>
#include <memory>
#include <string>
#include <string_view>

namespace grove::detail {

enum class Level { debug, info, warning, error };

/// Says something to whoever runs the program: on stderr, under the name "grove". A program that registers an
/// spdlog logger of that name gets it there instead. Callers do the formatting; none of this is for hot
/// paths, nor for signal handlers. **Any thread.**
void log(Level, std::string_view) noexcept;

/// Lines for others to read than those who run the program: appended to a file, each at once. **Any
/// thread.**
class LogFile {
public:
    /// Throws std::system_error if it cannot be opened.
    explicit LogFile(const std::string& path);
    ~LogFile();
    LogFile(const LogFile&) = delete;
    LogFile& operator=(const LogFile&) = delete;

    void write(std::string_view line) noexcept;  ///< without its end

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// What such a line says of an exception. Requires: there is one.
[[nodiscard]] std::string text_of(const std::exception_ptr&);

}  // namespace grove::detail
