#pragma once

#include <boost/url/url.hpp>

#include <optional>
#include <string>
#include <string_view>

// Web addresses in one form, so that a page has one name: absolute, http or https, host in lower case,
// without user, default port, fragment and dot segments, percent-encoded where a URL must be and nowhere
// else. A function that takes a `url` takes this form.

namespace crawler {

/// What a user typed. Throws std::invalid_argument if it is no http or https URL.
[[nodiscard]] std::string parse_start(std::string_view text);

/// Where a link of a page leads to; links are written for browsers, so what no URL may contain is forgiven.
/// nullopt: to nothing that can be fetched. Cost: 4 us.
[[nodiscard]] std::optional<std::string> resolve(const boost::urls::url& base, std::string_view link);

/// What a link says without its fragment and the blanks around it.
[[nodiscard]] std::string_view trimmed(std::string_view link);

/// The characters, percent-encoded: blanks, control characters, what is not ASCII, stray '%', those of
/// `also`.
[[nodiscard]] std::string escaped(std::string_view text, std::string_view also = {});

// --- the parts of a URL in normal form; "http://host:8080/dir/page?query" ---------------------------

[[nodiscard]] std::string_view origin_of(std::string_view url);     ///< "http://host:8080"
[[nodiscard]] std::string_view host_of(std::string_view url);       ///< "host"
[[nodiscard]] std::string_view target_of(std::string_view url);     ///< "/dir/page?query"
[[nodiscard]] std::string_view directory_of(std::string_view url);  ///< "http://host:8080/dir/"

/// Whether the host is this machine: nobody's patience is at stake.
[[nodiscard]] bool is_loopback(std::string_view host);

}  // namespace crawler
