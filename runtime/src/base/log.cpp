#include "base/log.hpp"

#include <grove/base/error.hpp>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <exception>
#include <memory>
#include <system_error>

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

// --- LogFile --------------------------------------------------------------------------------------

struct LogFile::State {
    explicit State(const std::string& path) : sink{path} {}
    spdlog::sinks::basic_file_sink_mt sink;
};

LogFile::LogFile(const std::string& path) {
    try {
        state_ = std::make_unique<State>(path);
    } catch (const spdlog::spdlog_ex& error) {
        throw std::system_error{std::make_error_code(std::errc::io_error), error.what()};
    }
    state_->sink.set_pattern("%v");
}

LogFile::~LogFile() = default;

void LogFile::write(std::string_view line) noexcept {
    try {
        state_->sink.log({spdlog::source_loc{}, {}, spdlog::level::info, {line.data(), line.size()}});
        state_->sink.flush();
    } catch (const std::exception& error) {
        log(Level::error, std::string{"a log file: "} + error.what());
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
