#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crawler {

/// What a site's robots.txt asks of one crawler (RFC 9309).
class Robots {
public:
    /// What comes after it is not read.
    static constexpr std::size_t max_bytes = 500 * 1024;

    Robots() = default;  ///< allows everything
    /// product: the crawler's name, as in "User-agent: name"; compares without case.
    [[nodiscard]] static Robots parse(std::string_view text, std::string_view product);

    /// The rule with the longest pattern decides; of equals the one that allows.
    [[nodiscard]] bool allows(std::string_view target) const;
    /// Not of the RFC, but widely written.
    [[nodiscard]] std::optional<std::chrono::milliseconds> crawl_delay() const noexcept { return delay_; }
    [[nodiscard]] const std::vector<std::string>& sitemaps() const noexcept { return sitemaps_; }
    [[nodiscard]] std::size_t bytes() const noexcept;  ///< of memory, about

private:
    struct Rule {
        std::string pattern;
        bool allow;
    };
    class Reader;

    std::vector<Rule> rules_;  // the longest pattern first, those that allow before others of their length
    std::optional<std::chrono::milliseconds> delay_;
    std::vector<std::string> sitemaps_;
};

}  // namespace crawler
