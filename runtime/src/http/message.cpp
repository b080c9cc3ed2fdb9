#include <grove/http/message.hpp>

#include "http/access.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace grove {

namespace {

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr bool is_token_char(char c) noexcept {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

constexpr bool is_value_char(char c) noexcept {
    return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || c == '\t';
}

/// Of each character, whether it is one of those: each response's fields are looked through.
using CharTable = std::array<bool, 256>;

constexpr CharTable table_of(bool (*is_one)(char) noexcept) {
    CharTable table{};
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = is_one(static_cast<char>(i));
    return table;
}

constexpr CharTable token_chars = table_of(&is_token_char);
constexpr CharTable value_chars = table_of(&is_value_char);

bool all_in(const CharTable& table, std::string_view text) noexcept {
    return std::ranges::all_of(text, [&](char c) { return table[static_cast<unsigned char>(c)]; });
}

void check_field(std::string_view name, std::string_view value) {
    if (!detail::is_token(name)) throw std::invalid_argument{"http: a field's name is not a token"};
    if (!all_in(value_chars, value)) {
        throw std::invalid_argument{"http: the value of " + std::string{name} +
                                    " has a control character in it"};
    }
}

}  // namespace

namespace detail {

bool equal_without_case(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) noexcept {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

bool is_token(std::string_view text) noexcept {
    return !text.empty() && all_in(token_chars, text);
}

std::string_view take_until(std::string_view& text, char separator) noexcept {
    const auto end = std::min(text.find(separator), text.size());
    const auto taken = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return trimmed(taken);
}

bool list_contains(std::string_view list, std::string_view element) noexcept {
    for (;;) {
        const auto comma = list.find(',');
        if (equal_without_case(trimmed(list.substr(0, comma)), element)) return true;
        if (comma == std::string_view::npos) return false;
        list.remove_prefix(comma + 1);
    }
}

}  // namespace detail

namespace http {

// --- Headers --------------------------------------------------------------------------------------

Headers::Headers(const Headers& other) : fields_{other.begin(), other.end()}, count_{other.count_} {}

Headers::Headers(Headers&& other) noexcept
    : fields_{std::move(other.fields_)}, count_{std::exchange(other.count_, 0)} {}

Headers& Headers::operator=(Headers other) noexcept {
    fields_.swap(other.fields_);
    std::swap(count_, other.count_);
    return *this;
}

std::optional<std::string_view> Headers::get(std::string_view name) const noexcept {
    for (const auto& [key, value] : *this) {
        if (detail::equal_without_case(key, name)) return value;
    }
    return std::nullopt;
}

void Headers::set(std::string_view name, std::string_view value) {
    check_field(name, value);
    const auto same = [name](const Field& field) { return detail::equal_without_case(field.first, name); };
    const auto last = fields_.begin() + static_cast<std::ptrdiff_t>(count_);
    const auto first = std::find_if(fields_.begin(), last, same);
    if (first == last) return append(name, value);
    first->second.assign(value);
    drop_from(static_cast<std::size_t>(first - fields_.begin()) + 1, name);
}

void Headers::add(std::string_view name, std::string_view value) {
    check_field(name, value);
    append(name, value);
}

void Headers::append(std::string_view name, std::string_view value) {
    if (count_ == fields_.size()) {
        fields_.emplace_back(name, value);
    } else {
        fields_[count_].first.assign(name);
        fields_[count_].second.assign(value);
    }
    ++count_;
}

void Headers::erase(std::string_view name) noexcept {
    drop_from(0, name);
}

void Headers::drop_from(std::size_t first, std::string_view name) noexcept {
    // Those that go are swapped to the end of the set ones, and so keep their room.
    std::size_t kept = first;
    for (std::size_t i = first; i < count_; ++i) {
        if (detail::equal_without_case(fields_[i].first, name)) continue;
        if (i != kept) std::swap(fields_[i], fields_[kept]);
        ++kept;
    }
    count_ = kept;
}

void Headers::clear() noexcept {
    count_ = 0;
}

// --- Parameters -----------------------------------------------------------------------------------

std::optional<std::string_view> Parameters::get(std::string_view name) const noexcept {
    for (const auto& [key, value] : all_) {
        if (key == name) return value;
    }
    return std::nullopt;
}

std::string_view Parameters::at(std::string_view name) const {
    if (const auto found = get(name)) return *found;
    throw std::out_of_range{"http: the route has no parameter {" + std::string{name} + "}"};
}

// --- BodyReader -----------------------------------------------------------------------------------

std::size_t BodyReader::read_some(std::span<std::byte> into, Deadline by) {
    std::error_code ec;
    const std::size_t n = read_some(into, ec, by);
    if (ec) throw std::system_error{ec, "http: reading a body"};
    return n;
}

std::size_t BodyReader::read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    ec.clear();
    return source_ && !into.empty() ? source_->read_some(into, ec, by) : 0;
}

std::string BodyReader::read_all(std::size_t limit, Deadline by) {
    std::error_code ec;
    std::string whole = read_all(limit, ec, by);
    if (ec) throw std::system_error{ec, "http: reading a body"};
    return whole;
}

std::string BodyReader::read_all(std::size_t limit, std::error_code& ec, Deadline by) {
    constexpr std::size_t least_room = 1024;
    constexpr std::size_t most_trusted =
        1024 * 1024;  // of what a peer announces: beyond, it has to send it first
    const std::uint64_t announced = source_ ? source_->announced() : 0;
    const std::size_t first_room = std::clamp<std::uint64_t>(announced + 1, least_room, most_trusted);
    std::string whole;
    std::size_t size = 0;
    for (;;) {
        if (size == whole.size()) {
            std::size_t room = std::max(first_room, size);
            if (limit - size < room)
                room = limit - size + 1;  // one byte more than may come, to see whether it does
            whole.resize(size + room);
        }
        const std::size_t n = read_some(std::as_writable_bytes(std::span{whole}).subspan(size), ec, by);
        if (ec) return {};
        size += n;
        if (n == 0) break;
        if (size > limit) {
            ec = std::make_error_code(std::errc::message_size);
            source_->give_up(ec);
            return {};
        }
    }
    whole.resize(size);
    return whole;
}

}  // namespace http
}  // namespace grove
