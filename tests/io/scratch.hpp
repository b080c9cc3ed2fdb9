#pragma once

#include "support/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace grove::testing {

/// A directory that goes with all that is in it. On a disk: what lies in memory alone is never cold.
class Scratch {
public:
    Scratch() {
        std::string name = "/var/tmp/grove-XXXXXX";
        if (!::mkdtemp(name.data())) throw std::runtime_error{"no place for files"};
        path_ = name;
    }
    ~Scratch() { std::filesystem::remove_all(path_); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

// Past grove, to look at what it did.

inline void put(const std::filesystem::path& path, const std::string& contents) {
    std::ofstream{path, std::ios::binary} << contents;
}

inline std::string look(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

/// Bytes without a pattern.
inline std::string noise(std::size_t size) {
    std::minstd_rand random{42};
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random() >> 8);
    return text;
}

/// Takes the file out of the page cache.
inline void make_cold(const std::filesystem::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ::fsync(fd);
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    ::close(fd);
}

}  // namespace grove::testing
