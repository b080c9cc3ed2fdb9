#pragma once

#include <grove/http/message.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>

namespace grove::detail {

class ResponseStream;

/// Where a BodyReader's bytes come from.
class BodySource {
public:
    virtual std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) = 0;
    /// How much is to come, if that is known, else 0.
    [[nodiscard]] virtual std::uint64_t announced() const noexcept = 0;
    /// Its reader wants no more of it, for that reason.
    virtual void give_up(std::error_code) noexcept = 0;

protected:
    ~BodySource() = default;
};

/// The floor's way into the public types.
struct HttpAccess {
    /// For what a parser has checked already.
    static void add(http::Headers& headers, std::string_view name, std::string_view value) {
        headers.append(name, value);
    }
    static void attach(http::BodyReader& reader, BodySource* source) noexcept { reader.source_ = source; }
    /// Requires: http/server.hpp.
    template <class Writer>
    static ResponseStream& stream(Writer& writer) noexcept {
        return writer.stream_;
    }
};

/// Names of fields and codings are ASCII and compare without case.
[[nodiscard]] bool equal_without_case(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] bool is_token(std::string_view) noexcept;
/// Without the blanks around it.
[[nodiscard]] std::string_view trimmed(std::string_view) noexcept;
/// Takes what is before the separator, trimmed, and the separator away from the text.
std::string_view take_until(std::string_view& text, char separator) noexcept;
/// Whether one of a comma-separated list's elements is `element`, which is in lower case.
[[nodiscard]] bool list_contains(std::string_view list, std::string_view element) noexcept;

}  // namespace grove::detail
