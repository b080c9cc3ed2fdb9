#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

using Lines = std::vector<std::string>;

constexpr std::size_t longest_file = 500;

// A floor may include itself and those before it.
constexpr std::array<std::string_view, 8> floors = {
    "base", "platform", "core", "sync", "io", "net", "http", "tools"};

std::optional<std::size_t> height(std::string_view floor) {
    const auto* found = std::find(floors.begin(), floors.end(), floor);
    if (found == floors.end()) return std::nullopt;
    return found - floors.begin();
}

// --- a file's place -------------------------------------------------------------------------------

/// "runtime/src/net/tls_stream.cpp" is private, on floor "net", and called "net/tls_stream.cpp" there.
struct Place {
    bool is_public = false;
    std::string floor;
    std::string name;
};

std::optional<Place> place_of(const std::string& path) {
    static const std::regex pattern{"runtime/(include/grove|src)/(([^/]+)/.+)"};
    std::smatch match;
    if (!std::regex_match(path, match, pattern)) return std::nullopt;
    return Place{.is_public = match[1] != "src", .floor = match[3], .name = match[2]};
}

bool may_use_boost(const Place& place) {
    return place.floor == "platform" || place.floor == "http" || place.name.starts_with("io/asio") ||
           place.name.starts_with("net/tls");
}

// --- the rules ------------------------------------------------------------------------------------

/// What is wrong with this include of that place, or "".
std::string fault_of(const Place& place, bool quoted, const std::string& included) {
    if (included.starts_with("boost/")) {
        return may_use_boost(place) ? "" : "Boost belongs to platform, io/asio*, net/tls* and http";
    }
    if (included.starts_with("spdlog/")) {
        const bool allowed = !place.is_public && place.name == "base/log.cpp";
        return allowed ? "" : "spdlog belongs to src/base/log.cpp";
    }

    const bool names_public = included.starts_with("grove/");
    if (!quoted && !names_public) return "";  // the system's, or somebody else's
    if (quoted && names_public) return "public headers are named in angle brackets";
    if (quoted && place.is_public) return "a public header cannot see private ones";

    const std::string name = names_public ? included.substr(std::size("grove/") - 1) : included;
    const auto there = height(name.substr(0, name.find('/')));
    if (!there) return "grove's files are named as \"floor/file.hpp\"";
    return *there <= height(place.floor) ? "" : "goes up";
}

std::string breach(const std::string& path,
                   std::size_t line,
                   const std::string& included,
                   const std::string& why) {
    return path + ":" + std::to_string(line) + ": " + included + ": " + why;
}

/// One line per breach of a rule by the file of that path, relative to the project, with those lines.
Lines faults(const std::string& path, const Lines& lines) {
    Lines result;
    if (lines.size() > longest_file) {
        result.push_back(path + ": has " + std::to_string(lines.size()) + " lines");
    }

    if (!path.starts_with("runtime/")) return result;
    const auto place = place_of(path);
    if (!place || !height(place->floor) || (place->is_public && place->floor == "platform")) {
        result.push_back(path + ": is on no floor");
        return result;
    }

    static const std::regex include_line{R"re(\s*#\s*include\s*([<"])([^>"]+)[>"].*)re"};
    for (std::size_t i = 0; i < lines.size(); ++i) {
        std::smatch match;
        if (!std::regex_match(lines[i], match, include_line)) continue;
        const std::string fault = fault_of(*place, match[1] == "\"", match[2]);
        if (!fault.empty()) {
            result.push_back(breach(path, i + 1, match[2], fault));
        }
    }
    return result;
}

// --- reading the tree -----------------------------------------------------------------------------

Lines read_lines(const fs::path& path) {
    std::ifstream in{path};
    Lines lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

/// The C++ files under these folders of the project, sorted, relative to the project.
Lines source_files(std::initializer_list<std::string_view> folders) {
    const fs::path root{GROVE_SOURCE_DIR};
    Lines files;
    for (const auto folder : folders) {
        for (const auto& entry : fs::recursive_directory_iterator{root / folder}) {
            const auto extension = entry.path().extension();
            if (extension != ".cpp" && extension != ".hpp") continue;
            files.push_back(entry.path().lexically_relative(root).generic_string());
        }
    }
    std::ranges::sort(files);
    return files;
}

/// What the tables of a document put in quotation marks.
Lines quoted_in_tables(const Lines& lines) {
    static const std::regex quoted{R"re("([^"]+)")re"};
    Lines found;
    for (const auto& line : lines) {
        if (!line.starts_with('|')) continue;
        for (std::sregex_iterator it{line.begin(), line.end(), quoted}, end; it != end; ++it) {
            found.push_back((*it)[1]);
        }
    }
    return found;
}

std::string joined(const Lines& lines) {
    std::string text;
    for (const auto& line : lines) text += "\n" + line;
    return text;
}

}  // namespace

TEST_SUITE_BEGIN("architecture");

TEST_CASE("no file includes upward, uses a library outside its place, or is too long") {
    const auto files = source_files({"runtime", "examples", "tests", "bench"});
    REQUIRE(std::ranges::count(files, "runtime/include/grove/base/error.hpp") == 1);

    Lines all;
    for (const auto& file : files) {
        const auto found = faults(file, read_lines(fs::path{GROVE_SOURCE_DIR} / file));
        all.insert(all.end(), found.begin(), found.end());
    }

    CHECK_MESSAGE(all.empty(), joined(all));
}

TEST_CASE("an include may go down or stay, never up") {
    CHECK(faults("runtime/include/grove/sync/queue.hpp", {"#include <grove/core/wait_list.hpp>"}).empty());
    CHECK(faults("runtime/src/core/hub.cpp", {"#include \"core/hub.hpp\""}).empty());
    CHECK(faults("runtime/src/core/hub.cpp", {"#include <vector>", "#include <sys/epoll.h>"}).empty());

    CHECK(faults("runtime/include/grove/core/gil.hpp", {"", "#include <grove/sync/queue.hpp>"}) ==
          Lines{"runtime/include/grove/core/gil.hpp:2: grove/sync/queue.hpp: goes up"});
    CHECK(faults("runtime/src/platform/poller.cpp", {"  #  include \"core/hub.hpp\" // why"}).size() == 1);
    CHECK(faults("runtime/src/net/server.cpp", {"#include <grove/tools/monitor.hpp>"}).size() == 1);
}

TEST_CASE("a public header includes only public headers, and platform has none") {
    CHECK(faults("runtime/include/grove/core/gil.hpp", {"#include \"base/log.hpp\""}).size() == 1);
    CHECK(faults("runtime/include/grove/platform/poller.hpp", {}).size() == 1);
}

TEST_CASE("a file is on a floor, and is included by its floor") {
    CHECK(faults("runtime/src/util/misc.cpp", {}).size() == 1);
    CHECK(faults("runtime/src/misc.cpp", {}).size() == 1);
    CHECK(faults("runtime/src/core/hub.cpp", {"#include \"hub.hpp\""}).size() == 1);
    CHECK(faults("runtime/src/core/hub.cpp", {"#include \"../base/log.hpp\""}).size() == 1);
    CHECK(faults("runtime/src/core/hub.cpp", {"#include \"grove/core/gil.hpp\""}).size() == 1);
}

TEST_CASE("Boost and spdlog stay in their places") {
    const Lines boost{"#include <boost/asio/io_context.hpp>"};
    CHECK(faults("runtime/src/platform/fiber.cpp", boost).empty());
    CHECK(faults("runtime/include/grove/io/asio.hpp", boost).empty());
    CHECK(faults("runtime/src/net/tls_stream.cpp", boost).empty());
    CHECK(faults("runtime/src/http/parser.cpp", boost).empty());
    CHECK(faults("runtime/src/core/hub.cpp", boost).size() == 1);
    CHECK(faults("runtime/src/net/socket.cpp", boost).size() == 1);
    CHECK(faults("runtime/src/io/file.cpp", boost).size() == 1);

    const Lines spdlog{"#include <spdlog/spdlog.h>"};
    CHECK(faults("runtime/src/base/log.cpp", spdlog).empty());
    CHECK(faults("runtime/src/base/log.hpp", spdlog).size() == 1);
    CHECK(faults("runtime/include/grove/base/log.hpp", spdlog).size() == 1);
}

TEST_CASE("a file has 500 lines at most") {
    CHECK(faults("tests/core/a_test.cpp", Lines(500)).empty());
    CHECK(faults("tests/core/a_test.cpp", Lines(501)).size() == 1);
    CHECK(faults("runtime/src/core/hub.cpp", Lines(501)).size() == 1);
}

TEST_CASE("each test that words.md names exists") {
    std::string tests;
    for (const auto& file : source_files({"tests"})) {
        tests += joined(read_lines(fs::path{GROVE_SOURCE_DIR} / file));
    }
    const auto named = quoted_in_tables(read_lines(fs::path{GROVE_SOURCE_DIR} / "runtime/words.md"));
    CHECK(named.size() > 100);
    for (const auto& name : named) CHECK_MESSAGE(tests.find('"' + name + '"') != std::string::npos, name);
}

TEST_SUITE_END();
