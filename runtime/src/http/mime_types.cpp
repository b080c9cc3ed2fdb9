#include "http/mime_types.hpp"

#include "http/access.hpp"

#include <algorithm>
#include <array>

namespace grove::detail {

namespace {

struct MimeType {
    std::string_view extension;
    std::string_view type;
};

constexpr std::array mime_types{
    MimeType{".html", "text/html; charset=utf-8"},
    MimeType{".htm", "text/html; charset=utf-8"},
    MimeType{".css", "text/css; charset=utf-8"},
    MimeType{".js", "text/javascript; charset=utf-8"},
    MimeType{".mjs", "text/javascript; charset=utf-8"},
    MimeType{".txt", "text/plain; charset=utf-8"},
    MimeType{".md", "text/markdown; charset=utf-8"},
    MimeType{".csv", "text/csv; charset=utf-8"},
    MimeType{".json", "application/json"},
    MimeType{".map", "application/json"},
    MimeType{".webmanifest", "application/manifest+json"},
    MimeType{".xml", "application/xml"},
    MimeType{".atom", "application/atom+xml"},
    MimeType{".rss", "application/rss+xml"},
    MimeType{".wasm", "application/wasm"},
    MimeType{".svg", "image/svg+xml"},
    MimeType{".png", "image/png"},
    MimeType{".jpg", "image/jpeg"},
    MimeType{".jpeg", "image/jpeg"},
    MimeType{".gif", "image/gif"},
    MimeType{".webp", "image/webp"},
    MimeType{".avif", "image/avif"},
    MimeType{".ico", "image/x-icon"},
    MimeType{".mp3", "audio/mpeg"},
    MimeType{".ogg", "audio/ogg"},
    MimeType{".wav", "audio/wav"},
    MimeType{".mp4", "video/mp4"},
    MimeType{".webm", "video/webm"},
    MimeType{".woff", "font/woff"},
    MimeType{".woff2", "font/woff2"},
    MimeType{".ttf", "font/ttf"},
    MimeType{".pdf", "application/pdf"},
    MimeType{".zip", "application/zip"},
    MimeType{".gz", "application/gzip"},
    MimeType{".tar", "application/x-tar"},
};

}  // namespace

std::string_view extension_of(std::string_view name) noexcept {
    const auto dot = name.rfind('.');
    return dot == name.npos ? std::string_view{} : name.substr(dot);
}

std::string_view mime_type_of(std::string_view name) noexcept {
    const auto extension = extension_of(name);
    const auto* const known = std::ranges::find_if(mime_types, [extension](const MimeType& each) {
        return equal_without_case(each.extension, extension);
    });
    return known == mime_types.end() ? "application/octet-stream" : known->type;
}

}  // namespace grove::detail
