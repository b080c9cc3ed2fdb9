#include "output.hpp"

#include <grove/io/stream.hpp>

#include "names.hpp"

#include <sys/file.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <vector>

namespace crawler {

namespace {

void append_json(std::string& text, std::string_view value) {
    constexpr std::string_view digits = "0123456789abcdef";
    text += '"';
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            text += {'\\', c};
        } else if (byte < ' ' || byte >= 0x7f) {  // a byte of whatever charset becomes a character
            text += {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
        } else {
            text += c;
        }
    }
    text += '"';
}

void append_field(std::string& text, std::string_view key, std::string_view value) {
    text.append(",\"").append(key).append("\":");
    append_json(text, value);
}

void append_field(std::string& text, std::string_view key, std::uint64_t value) {
    text.append(",\"").append(key).append("\":").append(std::to_string(value));
}

std::string json_of(const Visit& visit) {
    std::string text = "{\"url\":";
    append_json(text, visit.page.url);
    append_field(text, "outcome", name_of(visit.outcome));
    if (visit.answered()) append_field(text, "status", static_cast<std::uint64_t>(visit.status));
    if (!visit.reason.empty()) append_field(text, "reason", visit.reason);
    append_field(text, "depth", visit.page.depth);
    if (!visit.page.referrer.empty()) append_field(text, "referrer", visit.page.referrer);
    if (visit.answered()) {
        append_field(text, "type", visit.type);
        append_field(text, "bytes", visit.bytes);
        append_field(text, "ms", static_cast<std::uint64_t>(milliseconds(visit.took)));
        append_field(text, "at", utc(visit.at));
    }
    return text + "}\n";
}

}  // namespace

// --- Journal -----------------------------------------------------------------------------------------

void refuse_foreign(const std::filesystem::path& path) {
    throw std::runtime_error{path.string() +
                             ": exists, and is not of this crawl; remove it, or give another name"};
}

Journal::Journal(const std::filesystem::path& path, bool durable, Foreign foreign)
    : path_{std::filesystem::absolute(path)}, durable_{durable}, foreign_{foreign} {}

void Journal::resume(std::optional<std::uint64_t> mark) {
    if (!file_.is_open()) {
        file_ = grove::File::open(path_, grove::OpenMode::append);
        lock();
    }
    const std::uint64_t size = file_.size();
    if (!mark && size > 0 && foreign_ == Foreign::refuse) refuse_foreign(path_);
    position_ = mark.value_or(0);
    if (size < position_) throw std::runtime_error{path_.string() + ": is shorter than this crawl left it"};
    if (size > position_) file_.resize(position_);
}

/// Against a second crawler, which would cut off what this one writes. The kernel lets go of it with the
/// file, however the process ends. A file system that has no locks is taken as it is.
void Journal::lock() {
    if (::flock(file_.native_handle(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
    file_ = {};
    throw std::runtime_error{path_.string() +
                             ": another crawler is writing it; wait for its end, or give another name"};
}

void Journal::append(std::string_view text) {
    grove::write(file_, text);
    if (durable_) file_.sync();
    position_ += text.size();
}

// --- ListFile ----------------------------------------------------------------------------------------

void ListFile::write(std::span<const Visit> visits) {
    std::string lines;
    for (const Visit& visit : visits) {
        if (visit.outcome == Outcome::fetched) lines.append(visit.page.url).append("\n");
    }
    if (!lines.empty()) journal_.append(lines);
}

void ListFile::finish() {
    std::string text = grove::read_file(journal_.path());
    std::vector<std::string_view> lines;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
        lines.push_back(rest.substr(0, end));
        rest.remove_prefix(end);
    }
    std::ranges::sort(lines);
    std::string sorted;
    sorted.reserve(text.size());
    for (const auto line : lines) sorted += line;
    grove::write_file(journal_.path(), sorted);
}

// --- JsonLines ---------------------------------------------------------------------------------------

void JsonLines::write(std::span<const Visit> visits) {
    std::string lines;
    for (const Visit& visit : visits) lines += json_of(visit);
    grove::write(out_, lines);
}

}  // namespace crawler
