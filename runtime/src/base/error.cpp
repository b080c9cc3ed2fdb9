#include <grove/base/error.hpp>

namespace grove {

namespace {

class GroveCategory final : public std::error_category {
public:
    const char* name() const noexcept override { return "grove"; }

    std::string message(int code) const override {
        switch (static_cast<Errc>(code)) {
            case Errc::eof:
                return "the stream ended before the bytes asked for";
            case Errc::closed:
                return "closed before or while it was waited on";
            case Errc::concurrent_use:
                return "another greenlet already waits on this side";
            case Errc::no_such_host:
                return "the name has no address";
            case Errc::bad_message:
                return "the peer broke its protocol";
            case Errc::killed:
                return "the greenlet was killed";
        }
        return "unknown grove error " + std::to_string(code);
    }
};

}  // namespace

const std::error_category& grove_category() noexcept {
    static const GroveCategory category;
    return category;
}

std::error_code make_error_code(Errc code) noexcept {
    return {static_cast<int>(code), grove_category()};
}

WouldBlockForever::WouldBlockForever(const std::string& report) : std::runtime_error{report} {}

}  // namespace grove
