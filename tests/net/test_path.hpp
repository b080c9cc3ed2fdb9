#pragma once

#include <grove/net/address.hpp>

#include <filesystem>
#include <string>
#include <unistd.h>

namespace grove::testing {

/// A path of this process alone; the file is removed in the end, if it is there.
class TestPath {
public:
    explicit TestPath(const std::string& name)
        : path_{std::filesystem::temp_directory_path() /
                ("grove-" + std::to_string(::getpid()) + "-" + name)} {}
    TestPath(const TestPath&) = delete;
    TestPath& operator=(const TestPath&) = delete;
    ~TestPath() { std::filesystem::remove(path_); }

    [[nodiscard]] net::Endpoint endpoint() const { return net::Endpoint::unix_path(path_); }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] bool exists() const {
        return std::filesystem::exists(std::filesystem::symlink_status(path_));
    }

private:
    std::filesystem::path path_;
};

}  // namespace grove::testing
