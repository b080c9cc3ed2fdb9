#pragma once

#include "http/access.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

namespace grove::detail {

/// A content coding that can be taken off. deflate is zlib's format, but some send it bare: both are read.
enum class HttpCoding { gzip, deflate };

/// Of a Content-Encoding's value; nullopt for identity, and for what we do not know.
[[nodiscard]] std::optional<HttpCoding> coding_of(std::string_view) noexcept;

/// A body without its content coding. Reads its source to the end, so that the framing is done, too.
class InflatingSource final : public BodySource {
public:
    InflatingSource(BodySource& encoded, HttpCoding);
    ~InflatingSource();
    InflatingSource(const InflatingSource&) = delete;
    InflatingSource& operator=(const InflatingSource&) = delete;

    /// ClientErrc::bad_encoding if it is not what it says; Errc::eof if it ends too early.
    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) override;
    [[nodiscard]] std::uint64_t announced() const noexcept override { return 0; }
    void give_up(std::error_code why) noexcept override { encoded_.give_up(why); }

private:
    struct State;  // zlib's, and a buffer

    [[nodiscard]] bool refill(std::error_code& ec, Deadline by);
    std::size_t inflate_some(std::span<std::byte> into, std::error_code& ec);
    void begin();

    BodySource& encoded_;
    const HttpCoding coding_;
    std::unique_ptr<State> state_;
    bool begun_ = false;  // and not at its end yet: a member, of which a body may have several
};

}  // namespace grove::detail
