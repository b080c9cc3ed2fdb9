#include "http/target.hpp"

#include <boost/url/encode.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <boost/url/url_view.hpp>

namespace grove::detail {

std::optional<std::vector<std::string>> path_segments(std::string_view target) {
    const boost::urls::string_view text{target.data(), target.size()};
    const auto url = target.starts_with('/') ? boost::urls::parse_origin_form(text)
                                             : boost::urls::parse_absolute_uri(text);
    if (!url) return std::nullopt;
    std::vector<std::string> segments;
    for (const auto& segment : url->segments()) segments.emplace_back(segment);
    if (segments.empty()) segments.emplace_back();  // "/" and "http://host"
    return segments;
}

std::string encode_segment(std::string_view segment) {
    return boost::urls::encode({segment.data(), segment.size()}, boost::urls::unreserved_chars);
}

}  // namespace grove::detail
