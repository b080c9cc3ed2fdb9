#pragma once

#include <grove/http/message.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace grove::detail {

enum class Coding : std::uint8_t { identity, gzip, deflate };

[[nodiscard]] std::string_view name_of(Coding) noexcept;

/// What a client takes, by its Accept-Encoding.
struct AcceptedCodings {
    Coding best = Coding::identity;  ///< that this side has; gzip where several are as good
    bool identity = true;            ///< it takes what is not encoded
};

/// By all its Accept-Encoding fields. nullopt: there is none. (Who sends none takes anything, and most mean
/// by it: plain.)
[[nodiscard]] std::optional<AcceptedCodings> accepted_codings(const http::Headers&) noexcept;

/// Compresses one body after the other. Holds about 256 KiB.
class Deflater {
public:
    enum class Flush : std::uint8_t {
        sync,   ///< what was given so far can be read
        finish  ///< it is the end
    };

    explicit Deflater(int level) noexcept : level_{level} {}

    /// Begins a body. Requires: not identity. Throws std::bad_alloc.
    void start(Coding);
    /// Appends to out. Cost: about 25 ms of CPU per MiB.
    void compress(std::string_view piece, Flush, std::string& out);

private:
    struct State;
    struct End {
        void operator()(State*) const noexcept;
    };

    int level_;
    Coding coding_ = Coding::identity;
    std::unique_ptr<State, End> state_;  // of coding_
};

}  // namespace grove::detail
