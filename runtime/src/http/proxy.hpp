#pragma once

#include "http/url.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace grove::detail {

/// Which proxy leads to a URL: as the client's options say, else as the environment said when it was made.
class ProxyChoice {
public:
    /// Throws std::invalid_argument, which names the option or the variable.
    explicit ProxyChoice(const std::optional<std::string>& option);

    /// Null: none.
    [[nodiscard]] const HttpUrl* for_url(const HttpUrl&) const noexcept;

private:
    [[nodiscard]] bool is_exempt(std::string_view host) const noexcept;

    std::optional<HttpUrl> plain_;
    std::optional<HttpUrl> secure_;
    std::string exempt_;  // no_proxy: hosts and domains between commas or blanks
};

}  // namespace grove::detail
