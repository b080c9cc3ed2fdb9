#pragma once

#include <grove/base/time.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace grove {

namespace detail {
class BodySource;
struct HttpAccess;
}  // namespace detail

namespace http {

/// Fields in arrival order; names compare without case.
class Headers {
public:
    using Field = std::pair<std::string, std::string>;

    Headers() = default;
    Headers(const Headers&);
    Headers(Headers&&) noexcept;
    Headers& operator=(Headers) noexcept;
    ~Headers() = default;

    [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const noexcept;  ///< the first
    /// Replaces all of that name. Throws std::invalid_argument like add().
    void set(std::string_view name, std::string_view value);
    /// Throws std::invalid_argument if the name is no token, or the value has a line break or another
    /// control character in it: either would let its author write headers, or a whole message, of his own.
    void add(std::string_view name, std::string_view value);
    void erase(std::string_view name) noexcept;
    void clear() noexcept;

    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] const Field* begin() const noexcept { return fields_.data(); }
    [[nodiscard]] const Field* end() const noexcept { return fields_.data() + count_; }

private:
    friend struct detail::HttpAccess;
    void append(std::string_view name, std::string_view value);
    void drop_from(std::size_t first, std::string_view name) noexcept;

    // The first count_ are set. The others keep their room for the next message on the same connection.
    std::vector<Field> fields_;
    std::size_t count_ = 0;
};

/// What a Router found in a path: "/users/{id}" gives "id". Names and values, the latter percent-decoded.
class Parameters {
public:
    [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const noexcept;
    /// Throws std::out_of_range, which names it: the route has no such parameter.
    [[nodiscard]] std::string_view at(std::string_view name) const;

    [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
    void add(std::string_view name, std::string value) { all_.emplace_back(name, std::move(value)); }
    void clear() noexcept { all_.clear(); }

private:
    std::vector<std::pair<std::string, std::string>> all_;
};

/// A message body as it arrives. A ReadStream. Inside a server's handler only: it reads from the connection.
class BodyReader {
public:
    BodyReader() noexcept = default;  ///< an empty body
    BodyReader(BodyReader&& other) noexcept : source_{std::exchange(other.source_, nullptr)} {}
    BodyReader& operator=(BodyReader&& other) noexcept {
        source_ = std::exchange(other.source_, nullptr);
        return *this;
    }

    /// At least one byte; 0 at the end. Throws Errc::eof if the peer left in the middle, Errc::bad_message if
    /// it broke the framing, errc::message_size past the server's limit. Blocks.
    std::size_t read_some(std::span<std::byte> into, Deadline = {});
    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline = {});  ///< Blocks.
    /// The whole body. Throws errc::message_size past the limit. Blocks.
    [[nodiscard]] std::string read_all(std::size_t limit = 1 << 20, Deadline = {});
    /// What was read before ec was set is dropped. Blocks.
    [[nodiscard]] std::string read_all(std::size_t limit, std::error_code& ec, Deadline = {});

private:
    friend struct detail::HttpAccess;
    detail::BodySource* source_ = nullptr;
};

struct Request {
    std::string method = "GET";
    std::string target = "/";  ///< as it was sent: path and query, rarely a whole URL
    Headers headers{};
    BodyReader body{};
    /// What followed a chunked body: there when it has been read to its end. Fields that would say something
    /// about framing, routing or rights are left out.
    Headers trailers{};
    Parameters parameters{};  ///< what a Router's path had in it
};

struct Response {
    int status = 200;
    Headers headers{};
    std::string body{};
    Headers trailers{};  ///< fields that came behind a chunked body
    std::string url{};   ///< whose answer it is: the last one, if the client followed redirects
};

}  // namespace http
}  // namespace grove
