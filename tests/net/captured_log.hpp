#pragma once

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>
#include <string_view>

namespace grove::testing {

/// While it lives, what grove logs comes here.
class CapturedLog {
public:
    CapturedLog() {
        auto logger = std::make_shared<spdlog::logger>(
            "grove", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
        logger->set_pattern("%v");
        spdlog::register_logger(std::move(logger));
    }
    CapturedLog(const CapturedLog&) = delete;
    CapturedLog& operator=(const CapturedLog&) = delete;
    ~CapturedLog() { spdlog::drop("grove"); }

    [[nodiscard]] std::string text() const { return text_.str(); }
    [[nodiscard]] std::size_t count(std::string_view part) const {
        const std::string all = text();
        std::size_t n = 0;
        for (std::size_t at = all.find(part); at != all.npos; at = all.find(part, at + 1)) ++n;
        return n;
    }

private:
    std::ostringstream text_;
};

}  // namespace grove::testing
