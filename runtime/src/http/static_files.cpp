#include <grove/http/static_files.hpp>
#include <grove/io/file.hpp>

#include "http/access.hpp"
#include "http/byte_ranges.hpp"
#include "http/date.hpp"
#include "http/directory_page.hpp"
#include "http/mime_types.hpp"
#include "http/plain_answer.hpp"
#include "http/preconditions.hpp"
#include "http/target.hpp"
#include "io/file_call.hpp"
#include "io/file_service.hpp"
#include "io/unique_fd.hpp"

#include <linux/openat2.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <fcntl.h>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace grove::http {

namespace {

using detail::answer_plainly;
using detail::ByteRange;

/// What was found under a name.
struct Found {
    detail::UniqueFd fd;
    struct statx status {};

    [[nodiscard]] bool is_directory() const noexcept { return S_ISDIR(status.stx_mode); }
    [[nodiscard]] bool is_file() const noexcept { return S_ISREG(status.stx_mode); }
};

std::string hex(std::uint64_t number) {
    std::array<char, 16> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
    return {digits.data(), end};
}

/// The time and the size, as finely as the file system keeps them.
detail::Validators validators_of(const struct statx& status) {
    const auto time = static_cast<std::uint64_t>(status.stx_mtime.tv_sec);
    std::string etag =
        "\"" + hex(time) + "." + hex(status.stx_mtime.tv_nsec) + "-" + hex(status.stx_size) + "\"";
    // A date in the future would make clients ask in vain for changes until then.
    return {std::move(etag), std::min<std::time_t>(status.stx_mtime.tv_sec, std::time(nullptr))};
}

/// Names one file or directory, and nothing else: what others might read as several segments is refused.
bool is_plain(std::string_view segment) noexcept {
    return !segment.empty() && segment != "." && segment != ".." &&
           segment.find_first_of(std::string_view{"/\\\0", 3}) == segment.npos;
}

/// The segments as a path under the root; nullopt if they are none. One that ends in '/' is a directory's.
std::optional<std::string> relative_path(std::span<const std::string> segments) {
    std::string path;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const bool last = i + 1 == segments.size();
        if (last && segments[i].empty()) break;
        if (!is_plain(segments[i])) return std::nullopt;
        path += segments[i];
        if (!last) path += '/';
    }
    return path;
}

std::uint64_t resolve_flags(SymbolicLinks links) noexcept {
    switch (links) {
        case SymbolicLinks::none:
            return RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
        case SymbolicLinks::beneath:
            return RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
        case SymbolicLinks::any:
            break;
    }
    return RESOLVE_NO_MAGICLINKS;
}

/// What to answer about a name that cannot be opened. Throws if that says nothing about the name: "404" would
/// be believed.
int status_of(int error, const std::string& path) {
    switch (error) {
        case EACCES:
        case EPERM:
            return 403;
        case ENOENT:
        case ENOTDIR:
        case ENAMETOOLONG:
        case ELOOP:
        case EXDEV:  // it leads out of the root
        case ENXIO:  // a socket
            return 404;
        default:
            throw std::system_error{error, std::generic_category(), "http: open " + path};
    }
}

/// Without the slash at its end. Throws std::invalid_argument.
std::vector<std::string> segments_of_prefix(const std::string& prefix) {
    if (prefix.empty()) return {};
    auto segments = detail::path_segments(prefix);
    if (!prefix.starts_with('/') || !segments)
        throw std::invalid_argument{"http: the prefix " + prefix + " is no path"};
    if (segments->back().empty()) segments->pop_back();
    return std::move(*segments);
}

/// Must not occur in what it bounds, so nobody may know it before.
std::string random_boundary() {
    std::array<std::uint64_t, 2> random{};
    if (::getrandom(random.data(), sizeof random, 0) < 0) {
        throw std::system_error{errno, std::generic_category(), "getrandom"};
    }
    return hex(random[0]) + hex(random[1]);
}

std::string part_head(std::string_view boundary, std::string_view type, ByteRange range, std::uint64_t size) {
    std::string head{"\r\n--"};
    head.append(boundary).append("\r\nContent-Type: ").append(type);
    head.append("\r\nContent-Range: ").append(detail::content_range(range, size)).append("\r\n\r\n");
    return head;
}

std::string end_of_parts(std::string_view boundary) {
    return "\r\n--" + std::string{boundary} + "--\r\n";
}

}  // namespace

// --- finding --------------------------------------------------------------------------------------

struct StaticFiles::State {
    State(const std::filesystem::path& at, const StaticOptions& wanted);

    void serve(Request&, ResponseWriter&) const;
    void serve_directory(const std::string& path, int fd, const Request&, ResponseWriter&) const;
    void serve_file(std::string_view name, Found, const Request&, ResponseWriter&) const;
    void send_ranges(File&,
                     const std::vector<ByteRange>&,
                     std::uint64_t size,
                     std::string_view type,
                     ResponseWriter&) const;

    /// Opens it; 0, or the status to answer. Throws as status_of(). Blocks.
    int find(const std::string& path, Found&) const;
    [[nodiscard]] std::string_view type_of(std::string_view name) const;

    const StaticOptions options;
    const std::vector<std::string> prefix;
    const detail::UniqueFd root;
};

namespace {

int open_root(const std::filesystem::path& root) {
    const int fd = detail::os().open(root.c_str(), O_PATH | O_DIRECTORY, 0);
    if (fd < 0) throw std::system_error{-fd, std::generic_category(), "http: serving " + root.native()};
    return fd;
}

}  // namespace

StaticFiles::State::State(const std::filesystem::path& at, const StaticOptions& wanted)
    : options{wanted}, prefix{segments_of_prefix(wanted.prefix)}, root{open_root(at)} {}

int StaticFiles::State::find(const std::string& path, Found& found) const {
    const char* const name = path.empty() ? "." : path.c_str();
    constexpr int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;  // a FIFO must not hold us up
    const std::uint64_t resolve = resolve_flags(options.links);
    ssize_t fd = detail::os().open_at(root.get(), name, flags, resolve | RESOLVE_CACHED);
    if (fd == -EAGAIN || fd == -EINVAL) {  // memory does not hold the way there, or the system is too old
        detail::ThreadCall call{"StaticFiles: open", [&](detail::Os& system) -> ssize_t {
                                    return system.open_at(root.get(), name, flags, resolve);
                                }};
        fd = detail::perform(call);
    }
    if (fd < 0) return status_of(static_cast<int>(-fd), name);
    Found opened{.fd = detail::UniqueFd{static_cast<int>(fd)}};
    const int result = detail::os().status(opened.fd.get(), "", AT_EMPTY_PATH, &opened.status);
    if (result < 0) return status_of(-result, name);
    if (!opened.is_directory() && !opened.is_file()) return 404;
    std::swap(found.status, opened.status);
    found.fd = std::move(opened.fd);
    return 0;
}

std::string_view StaticFiles::State::type_of(std::string_view name) const {
    const auto extension = detail::extension_of(name);
    for (const auto& [each, type] : options.types) {
        if (detail::equal_without_case(each, extension)) return type;
    }
    return detail::mime_type_of(name);
}

// --- answering ------------------------------------------------------------------------------------

void StaticFiles::State::serve(Request& request, ResponseWriter& response) const {
    if (request.method != "GET" && request.method != "HEAD") {
        response.headers.set("Allow", "GET, HEAD");
        return answer_plainly(response, 405);
    }
    const auto segments = detail::path_segments(request.target);
    if (!segments) return answer_plainly(response, 400);
    if (segments->size() <= prefix.size() || !std::equal(prefix.begin(), prefix.end(), segments->begin())) {
        return answer_plainly(response, 404);
    }
    const auto path = relative_path(std::span{*segments}.subspan(prefix.size()));
    if (!path) return answer_plainly(response, 404);

    Found found;
    if (const int status = find(*path, found)) return answer_plainly(response, status);
    if (!found.is_directory()) return serve_file(*path, std::move(found), request, response);
    if (path->empty() || path->ends_with('/')) {
        return serve_directory(*path, found.fd.get(), request, response);
    }
    std::string location;
    for (const auto& segment : *segments) location.append("/").append(detail::encode_segment(segment));
    const auto query = request.target.find('?');
    location.append("/").append(query == std::string::npos ? "" : request.target.substr(query));
    response.headers.set("Location", location);
    answer_plainly(response, 301);
}

void StaticFiles::State::serve_directory(const std::string& path,
                                         int fd,
                                         const Request& request,
                                         ResponseWriter& response) const {
    if (!options.index.empty()) {
        Found index;
        const int status = find(path + options.index, index);
        if (status == 0 && index.is_file()) {
            return serve_file(options.index, std::move(index), request, response);
        }
        if (status == 403) return answer_plainly(response, status);
    }
    if (!options.listing) return answer_plainly(response, 403);
    response.headers.set("Content-Type", "text/html; charset=utf-8");
    response.send(detail::directory_page(path, fd));
}

void StaticFiles::State::serve_file(std::string_view name,
                                    Found found,
                                    const Request& request,
                                    ResponseWriter& response) const {
    const std::uint64_t size = found.status.stx_size;
    const auto validators = validators_of(found.status);
    response.headers.set("ETag", validators.etag);
    response.headers.set("Last-Modified", detail::http_date(validators.modified));
    if (!options.cache_control.empty()) response.headers.set("Cache-Control", options.cache_control);
    switch (detail::judge(request, validators)) {
        case detail::Verdict::not_modified:
            response.status = 304;
            return;
        case detail::Verdict::failed:
            return answer_plainly(response, 412);
        case detail::Verdict::go_on:
            break;
    }

    File file = File::adopt(found.fd.release());
    const auto type = type_of(name);
    const auto range = request.headers.get("range");
    if (range && request.method == "GET" && detail::range_counts(request, validators)) {
        if (const auto ranges = detail::parse_ranges(*range, size)) {
            return send_ranges(file, *ranges, size, type, response);
        }
    }
    response.headers.set("Accept-Ranges", "bytes");
    response.headers.set("Content-Type", type);
    response.headers.set("Content-Length", std::to_string(size));
    if (request.method == "GET") response.write_file(file, 0, size);
}

void StaticFiles::State::send_ranges(File& file,
                                     const std::vector<ByteRange>& ranges,
                                     std::uint64_t size,
                                     std::string_view type,
                                     ResponseWriter& response) const {
    if (ranges.empty()) {
        response.headers.set("Content-Range", "bytes */" + std::to_string(size));
        return answer_plainly(response, 416);
    }
    response.status = 206;
    if (ranges.size() == 1) {
        const ByteRange range = ranges.front();
        response.headers.set("Content-Type", type);
        response.headers.set("Content-Range", detail::content_range(range, size));
        response.headers.set("Content-Length", std::to_string(range.size()));
        return response.write_file(file, range.first, range.size());
    }
    const std::string boundary = random_boundary();
    std::uint64_t length = end_of_parts(boundary).size();
    for (const ByteRange range : ranges)
        length += part_head(boundary, type, range, size).size() + range.size();
    response.headers.set("Content-Type", "multipart/byteranges; boundary=" + boundary);
    response.headers.set("Content-Length", std::to_string(length));
    for (const ByteRange range : ranges) {
        response.write(part_head(boundary, type, range, size));
        response.write_file(file, range.first, range.size());
    }
    response.write(end_of_parts(boundary));
}

// --- StaticFiles ----------------------------------------------------------------------------------

StaticFiles::StaticFiles(const std::filesystem::path& root, const StaticOptions& options)
    : state_{std::make_unique<State>(root, options)} {}
StaticFiles::StaticFiles(StaticFiles&&) noexcept = default;
StaticFiles& StaticFiles::operator=(StaticFiles&&) noexcept = default;
StaticFiles::~StaticFiles() = default;

void StaticFiles::operator()(Request& request, ResponseWriter& response) const {
    state_->serve(request, response);
}

}  // namespace grove::http
