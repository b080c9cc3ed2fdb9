#pragma once

#include <grove/http/message.hpp>
#include <grove/http/server.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace grove::http {

/// Which symbolic links are followed.
enum class SymbolicLinks {
    none,
    beneath,  ///< those that lead to somewhere under the root
    any       ///< who may make links there decides what is served
};

struct StaticOptions {
    std::string prefix{};              ///< of the path, as "/static": what is behind it names the file
    std::string index = "index.html";  ///< answers for its directory; empty: nothing does
    bool listing = false;              ///< a directory without an index shows what is in it, instead of 403
    SymbolicLinks links = SymbolicLinks::beneath;
    std::string cache_control{};  ///< sent with each file, unless it is empty
    /// Extension with its dot, and Content-Type: before those that are built in.
    std::vector<std::pair<std::string, std::string>> types{};
};

/// Serves the files under a directory, and is a Server::Handler: GET and HEAD; ETag, Last-Modified and the
/// conditional requests of RFC 9110; one range or several; the directory's index.
///
/// A name that is no plain one (a segment "..", ".", or empty, with a slash, a backslash or a NUL in it) is
/// 404, and the system itself (openat2) keeps the look-up under the root, whatever happens to the links in it
/// meanwhile. What cannot be opened for want of something (descriptors, memory) throws, which is answered
/// 500. What is in the page cache is served without waiting; the rest as by File.
class StaticFiles {
public:
    /// Throws std::system_error if the root is no directory that can be opened, std::invalid_argument if the
    /// prefix is no path.
    explicit StaticFiles(const std::filesystem::path& root, const StaticOptions& = {});
    StaticFiles(StaticFiles&&) noexcept;
    StaticFiles& operator=(StaticFiles&&) noexcept;
    ~StaticFiles();

    void operator()(Request&, ResponseWriter&) const;  ///< Blocks.

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace grove::http
