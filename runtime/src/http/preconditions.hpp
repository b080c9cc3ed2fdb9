#pragma once

#include <grove/http/message.hpp>

#include <cstdint>
#include <ctime>
#include <string>

namespace grove::detail {

/// What tells one version of a resource from another.
struct Validators {
    std::string etag;  ///< with its quotation marks; strong
    std::time_t modified;
};

enum class Verdict : std::uint8_t { go_on, not_modified, failed };

/// What If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since come to, in the order of RFC 9110,
/// 13.2.2.
[[nodiscard]] Verdict judge(const http::Request&, const Validators&);

/// Whether a Range counts: there is no If-Range, or it names this very version.
[[nodiscard]] bool range_counts(const http::Request&, const Validators&);

}  // namespace grove::detail
