#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

// Text as bytes, and back.

namespace grove::testing {

[[nodiscard]] inline std::span<const std::byte> bytes(std::string_view text) noexcept {
    return std::as_bytes(std::span{text});
}
[[nodiscard]] inline std::string text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline std::span<std::byte> room(std::string& text) noexcept {
    return std::as_writable_bytes(std::span{text});
}

}  // namespace grove::testing
