#pragma once

#include <boost/url/url.hpp>

#include <optional>
#include <string>
#include <string_view>

/// What has the same scheme, host and port as the page a crawl starts from.
class Site {
public:
    /// Throws std::invalid_argument if that is no http URL.
    explicit Site(std::string_view start);

    [[nodiscard]] const std::string& start() const noexcept { return start_; }

    /// The one normal form of a link's URL, without its fragment: equal if they mean the same. base: the URL
    /// links are relative to. nullopt if it leads elsewhere, or nowhere.
    [[nodiscard]] std::optional<std::string> url_of(const boost::urls::url_view& base,
                                                    std::string_view link) const;

private:
    std::string start_;
    std::string origin_;  ///< "http://host:port/", with which all URLs of the site begin
};
