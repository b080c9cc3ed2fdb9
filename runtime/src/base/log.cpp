#include "base/log.hpp"

#include <grove/base/error.hpp>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <exception>
#include <memory>

namespace grove::detail {

namespace {

constexpr const char* logger_name = "grove";

std::shared_ptr<spdlog::logger> logger() {
    if (auto chosen = spdlog::get(logger_name)) return chosen;
    static const auto ours = std::make_shared<spdlog::logger>(
        logger_name, std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    return ours;
}

spdlog::level::level_enum to_spdlog(Level level) noexcept {
    switch (level) {
        case Level::debug:
            return spdlog::level::debug;
        case Level::info:
            return spdlog::level::info;
        case Level::warning:
            return spdlog::level::warn;
        case Level::error:
            break;
    }
    return spdlog::level::err;
}

}  // namespace

void log(Level level, std::string_view text) noexcept {
    try {
        logger()->log(to_spdlog(level), text);
    } catch (const std::exception&) {
        // A message that cannot be written must not stop what it speaks of.
    }
}

std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return e.what();
    } catch (const Unwind&) {  // a Timeout's that outlived its scope; nobody is being unwound here
        return "an expired Timeout";
    } catch (...) {  // only described
        return "an exception that is no std::exception";
    }
}

}  // namespace grove::detail
