#include "http/directory_page.hpp"

#include <grove/io/file.hpp>

#include "http/target.hpp"

#include <algorithm>
#include <filesystem>

namespace grove::detail {

namespace {

constexpr std::size_t most_names = 10'000;

void append_as_html(std::string& page, std::string_view text) {
    for (const char c : text) {
        switch (c) {
            case '<':
                page += "&lt;";
                break;
            case '>':
                page += "&gt;";
                break;
            case '&':
                page += "&amp;";
                break;
            case '"':
                page += "&quot;";
                break;
            default:
                page += c;
        }
    }
}

void append_link(std::string& page, const std::string& name, bool is_directory) {
    const std::string_view slash = is_directory ? "/" : "";
    page.append("<li><a href=\"").append(encode_segment(name)).append(slash).append("\">");
    append_as_html(page, name);
    page.append(slash).append("</a>\n");
}

}  // namespace

std::string directory_page(std::string_view path, int directory) {
    // By its descriptor: the name may mean another directory by now.
    const auto entries = list_directory("/proc/self/fd/" + std::to_string(directory));
    std::string title = "/";
    append_as_html(title, path);
    std::string page =
        "<!doctype html><meta charset=\"utf-8\"><title>" + title + "</title><h1>" + title + "</h1>\n<ul>\n";
    if (!path.empty()) page += "<li><a href=\"../\">../</a>\n";
    for (std::size_t i = 0; i < std::min(entries.size(), most_names); ++i) {
        std::error_code ec;  // a link to nowhere is listed all the same
        const FileStatus found = grove::status(entries[i], ec);
        append_link(
            page, entries[i].filename().native(), found.type == std::filesystem::file_type::directory);
    }
    return page += "</ul>\n";
}

}  // namespace grove::detail
