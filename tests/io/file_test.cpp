#include <grove/core/gil.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/stats.hpp>
#include <grove/io/file.hpp>
#include <grove/io/stream.hpp>

#include "core/scheduler.hpp"
#include "io/file_service.hpp"
#include "io/scratch.hpp"
#include "support/child_process.hpp"
#include "support/grove_test.hpp"

#include <chrono>
#include <cstdlib>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::File;
using grove::OpenMode;
using grove::spawn;

static_assert(grove::ReadStream<File>);
static_assert(grove::WriteStream<File>);

namespace {

std::string message_of(auto&& f) {
    try {
        f();
    } catch (const std::system_error& error) {
        return error.what();
    }
    return "nothing was thrown";
}

std::string read_up_to(File& file, std::size_t most) {
    std::string text(most, '\0');
    text.resize(file.read_some(room(text)));
    return text;
}

}  // namespace

TEST_SUITE_BEGIN("io/file");

GROVE_TEST("the ring does the work unless the environment, or the system, says threads") {
    CHECK(grove::stats().files.empty());
    CHECK_NOTHROW((void)grove::status("/"));
    const std::string_view files = grove::stats().files;
    const char* const wish = std::getenv("GROVE_FILES");
    CHECK((wish ? files == wish : files == "io_uring" || files == "threads"));
}

// --- Bytes and positions --------------------------------------------------------------------------

GROVE_TEST("what was written is read, and the position moves by it") {
    const Scratch scratch;
    File file = File::open(scratch / "a", OpenMode::read_write);
    grove::write(file, "hello, file");
    CHECK(file.position() == 11);
    CHECK(read_up_to(file, 10) == "");

    file.seek(0);
    CHECK(read_up_to(file, 5) == "hello");
    CHECK(read_up_to(file, 100) == ", file");
    CHECK(read_up_to(file, 100) == "");
    CHECK(file.size() == 11);
    CHECK(look(scratch / "a") == "hello, file");
}

GROVE_TEST("read_at and write_at leave the position alone") {
    const Scratch scratch;
    File file = File::open(scratch / "a", OpenMode::read_write);
    grove::write(file, "0123456789");
    CHECK(file.write_at(3, bytes("abc")) == 3);
    CHECK(file.position() == 10);
    std::string text(4, '\0');
    CHECK(file.read_at(2, room(text)) == 4);
    CHECK(text == "2abc");
    CHECK(file.read_at(8, room(text)) == 2);
    CHECK(file.read_at(10, room(text)) == 0);
    CHECK(file.position() == 10);
}

GROVE_TEST("an offset that no file has is refused, also the one that means elsewhere to the kernel") {
    const Scratch scratch;
    File file = File::open(scratch / "a", OpenMode::read_write);
    grove::write(file, "0123456789");
    std::string text(4, '\0');
    for (const std::uint64_t offset : {~std::uint64_t{0}, std::uint64_t{1} << 63U}) {
        std::error_code ec;
        CHECK(file.read_at(offset, room(text), ec) == 0);
        CHECK(ec == std::errc::invalid_argument);
        CHECK(file.write_at(offset, bytes("abc"), ec) == 0);
        CHECK(ec == std::errc::invalid_argument);
    }
    file.seek(~std::uint64_t{0});
    std::error_code ec;
    CHECK(file.write_some(bytes("abc"), ec) == 0);
    CHECK(ec == std::errc::invalid_argument);
    CHECK(look(scratch / "a") == "0123456789");
}

GROVE_TEST("a name with a zero in it is refused, not cut") {
    const Scratch scratch;
    const std::filesystem::path cut = scratch / std::string{"a\0b", 3};
    put(scratch / "a", "kept");
    const auto code_of = [](auto&& f) {
        std::error_code ec;
        f(ec);
        return ec;
    };
    const auto refused = std::errc::invalid_argument;
    CHECK(code_of([&](std::error_code& ec) { (void)File::open(cut, ec); }) == refused);
    CHECK(code_of([&](std::error_code& ec) { grove::write_file(cut, "lost", ec); }) == refused);
    CHECK(code_of([&](std::error_code& ec) { grove::rename(cut, scratch / "b", ec); }) == refused);
    CHECK(code_of([&](std::error_code& ec) { grove::rename(scratch / "a", cut, ec); }) == refused);
    CHECK(code_of([&](std::error_code& ec) { grove::remove(cut, ec); }) == refused);
    CHECK(code_of([&](std::error_code& ec) { grove::make_directory(cut, ec); }) == refused);
    CHECK(code_of([&](std::error_code& ec) { (void)grove::list_directory(cut, ec); }) == refused);
    CHECK(code_of([&](std::error_code& ec) { (void)grove::status(cut, ec); }) == refused);
    CHECK(look(scratch / "a") == "kept");
}

GROVE_TEST("several places in memory are read and written by one call") {
    const Scratch scratch;
    File file = File::open(scratch / "a", OpenMode::read_write);
    const std::array from{bytes("head "), bytes(""), bytes("body "), bytes("tail")};
    CHECK(file.write_some(from) == 14);
    CHECK(file.position() == 14);
    CHECK(file.write_at(10, std::array{bytes("T"), bytes("A")}) == 2);

    std::string head(5, '\0');
    std::string rest(20, '\0');
    const std::array into{room(head), room(rest)};
    CHECK(file.read_at(0, into) == 14);
    CHECK(head == "head ");
    CHECK(rest.substr(0, 9) == "body TAil");
    file.seek(5);
    CHECK(file.read_some(into) == 9);
    CHECK(head == "body ");
    CHECK(rest.substr(0, 4) == "TAil");
    CHECK(file.read_some(into) == 0);
    CHECK(file.read_at(0, std::span<const std::span<std::byte>>{}) == 0);

    const std::vector many(20, bytes("x"));
    CHECK(file.write_at(0, many) == 16);
    std::error_code ec;
    (void)File{}.read_some(into, ec);
    CHECK(ec == Errc::closed);
}

GROVE_TEST("a large piece is copied elsewhere, and nothing of it is lost") {
    const Scratch scratch;
    std::string contents(3 << 20, '\0');
    for (std::size_t i = 0; i < contents.size(); ++i) contents[i] = static_cast<char>(i * 31 >> 8U);
    File file = File::open(scratch / "a", OpenMode::read_write);
    const auto& scheduler = *grove::detail::Scheduler::here();
    auto before = scheduler.switches();
    CHECK(file.write_at(0, bytes(contents)) == contents.size());
    CHECK(scheduler.switches() > before);
    std::string read(contents.size(), '\0');
    before = scheduler.switches();
    CHECK(file.read_at(0, room(read)) == contents.size());
    CHECK(scheduler.switches() > before);
    CHECK(read == contents);
}

GROVE_TEST("the modes") {
    const Scratch scratch;
    put(scratch / "old", "old contents");
    {
        File file = File::open(scratch / "old", OpenMode::read_write);
        grove::write(file, "new");
        CHECK(look(scratch / "old") == "new contents");
    }
    {
        File file = File::open(scratch / "old", OpenMode::append);
        File other = File::open(scratch / "old", OpenMode::append);
        grove::write(file, "+1");
        grove::write(other, "+2");
        grove::write(file, "+3");
        CHECK(look(scratch / "old") == "new contents+1+2+3");
    }
    {
        File file = File::open(scratch / "old", OpenMode::write);
        CHECK(look(scratch / "old") == "");
        std::error_code ec;
        std::string text(1, '\0');
        CHECK(file.read_some(room(text), ec) == 0);
        CHECK(ec == std::errc::bad_file_descriptor);
    }
    std::error_code ec;
    CHECK_FALSE(File::open(scratch / "old", ec, OpenMode::create_new).is_open());
    CHECK(ec == std::errc::file_exists);
    File fresh = File::open(scratch / "fresh", OpenMode::create_new);
    grove::write(fresh, "x");
    fresh.seek(0);
    CHECK(read_up_to(fresh, 9) == "x");
}

GROVE_TEST("resize cuts and extends, and what lies behind the end reads as zeros") {
    const Scratch scratch;
    File file = File::open(scratch / "a", OpenMode::read_write);
    grove::write(file, "0123456789");
    file.resize(4);
    CHECK(file.size() == 4);
    file.resize(6);
    file.sync();
    file.close();
    CHECK(look(scratch / "a") == std::string("0123\0\0", 6));
}

GROVE_TEST("a BufferedReader reads lines from a file") {
    const Scratch scratch;
    put(scratch / "a", "one\ntwo\nthree");
    File file = File::open(scratch / "a");
    grove::BufferedReader reader{file};
    CHECK(reader.read_line() == "one");
    CHECK(reader.read_line() == "two");
    std::error_code ec;
    CHECK(reader.read_line(ec) == "three");
    CHECK(ec == Errc::eof);
}

GROVE_TEST("a cold file is read as well as one in memory, by one or many") {
    const Scratch scratch;
    const std::string contents = noise(4 << 20);
    put(scratch / "a", contents);
    make_cold(scratch / "a");
    CHECK(grove::read_file(scratch / "a") == contents);

    make_cold(scratch / "a");
    File file = File::open(scratch / "a");
    constexpr std::size_t piece = 4096;
    std::vector<grove::Greenlet<bool>> readers;
    for (std::size_t i = 0; i < 64; ++i) {
        readers.push_back(spawn([&, i] {
            std::string text(piece, '\0');
            const std::size_t offset = (i * 61 % 1024) * piece;
            const std::size_t n = file.read_at(offset, room(text));
            return n > 0 && contents.compare(offset, n, text, 0, n) == 0;
        }));
    }
    for (auto& reader : readers) CHECK(reader.get());
}

GROVE_TEST("more calls than the ring has places wait for their turn") {
    const Scratch scratch;
    std::vector<grove::GreenletRef> writers;
    for (int i = 0; i < 600; ++i) {
        writers.push_back(spawn([&, i] {
            File file = File::open(scratch / std::to_string(i), OpenMode::create_new);
            grove::write(file, std::to_string(i));
            file.close();
        }));
    }
    grove::join_all(writers);
    CHECK(grove::list_directory(scratch.path()).size() == 600);
    CHECK(look(scratch / "599") == "599");
}

GROVE_TEST("what is in memory is read without a switch, unless the slice is spent") {
    const Scratch scratch;
    put(scratch / "a", "warm");
    File file = File::open(scratch / "a");
    (void)grove::read_file(scratch / "a");
    grove::yield();
    auto& scheduler = *grove::detail::Scheduler::here();
    const auto before = scheduler.switches();
    std::string text(4, '\0');
    for (int i = 0; i < 32; ++i) REQUIRE(file.read_at(0, room(text)) == 4);
    CHECK(scheduler.switches() == before);

    bool other_ran = false;
    auto other = spawn([&] { other_ran = true; });
    for (int i = 0; i < 100; ++i) (void)file.read_at(0, room(text));
    CHECK(other_ran);
}

GROVE_TEST("what is large counts by its size: others, and timers, do not wait for 64 copies of it") {
    const Scratch scratch;
    std::string text(256 * 1024, 'x');
    put(scratch / "a", text);
    File file = File::open(scratch / "a");
    (void)grove::read_file(scratch / "a");
    grove::yield();
    const auto turns_before = grove::stats().turns;
    int others = 0;
    auto other = spawn([&] {
        for (;; ++others) grove::yield();
    });
    for (int i = 0; i < 16; ++i) REQUIRE(file.read_at(0, room(text)) == text.size());
    CHECK(others >= 12);
    CHECK(grove::stats().turns - turns_before >= 5);  // of the hub, who looks at the clock
    other.kill();
    other.join();
}

// --- Errors ---------------------------------------------------------------------------------------

GROVE_TEST("errors name the operation and the path") {
    const Scratch scratch;
    const std::string none = (scratch / "none").native();
    CHECK(message_of([&] { (void)File::open(none); }).starts_with("open " + none + ": "));
    CHECK(message_of([&] { (void)grove::read_file(none); }).starts_with("read " + none + ": "));
    CHECK(message_of([&] { (void)grove::status(none); }).starts_with("status of " + none + ": "));
    CHECK(message_of([&] { (void)grove::list_directory(none); }).starts_with("list " + none + ": "));
    CHECK(message_of([&] { grove::rename(none, none); }).starts_with("rename " + none + " " + none + ": "));
    CHECK(message_of([&] { grove::write_file(none + "/x", ""); }).starts_with("write " + none + "/x: "));

    std::error_code ec;
    (void)grove::read_file(none, ec);
    CHECK(ec == std::errc::no_such_file_or_directory);
    (void)grove::read_file(scratch.path(), ec);
    CHECK(ec == std::errc::is_a_directory);
    File directory = File::open(scratch.path());
    std::string text(1, '\0');
    CHECK(message_of([&] {
              (void)directory.read_some(room(text));
          }).starts_with("read " + scratch.path().native() + ": "));
}

GROVE_TEST("a full device is told") {
    File full = File::open("/dev/full", OpenMode::write);
    std::error_code ec;
    CHECK(grove::write(full, "x", ec) == 0);
    CHECK(ec == std::errc::no_space_on_device);
}

TEST_CASE("what may not be read is refused") {
    const Scratch scratch;
    put(scratch / "a", "secret");
    std::filesystem::permissions(scratch / "a", std::filesystem::perms::none);
    const ChildEnd end = run_child([&] {
        if (::geteuid() == 0 && ::setuid(65534) != 0) std::_Exit(2);  // root may read everything
        grove::run([&] {
            std::error_code ec;
            (void)File::open(scratch / "a", ec);
            if (ec != std::errc::permission_denied) std::_Exit(3);
        });
    });
    CHECK(end.exit_code == 0);
}

GROVE_TEST("a File that is not open fails with Errc::closed") {
    const Scratch scratch;
    put(scratch / "a", "x");
    File file = File::open(scratch / "a");
    File moved = std::move(file);
    CHECK(file.native_handle() == -1);  // NOLINT(bugprone-use-after-move): that is the point
    std::string text(1, '\0');
    std::error_code ec;
    (void)file.read_some(room(text), ec);
    CHECK(ec == Errc::closed);
    moved.close();
    (void)moved.read_some(room(text), ec);
    CHECK(ec == Errc::closed);
    moved.close(ec);
    CHECK(ec == Errc::closed);
    (void)moved.size(ec);
    CHECK(ec == Errc::closed);
}

// --- Whole files and names --------------------------------------------------------------------------

GROVE_TEST("write_file replaces the whole, keeps the mode, and leaves nothing beside it") {
    const Scratch scratch;
    const auto path = scratch / "a";
    grove::write_file(path, "first");
    CHECK(look(path) == "first");
    std::filesystem::permissions(path, std::filesystem::perms{0640});
    std::ifstream old{path};  // open on the old contents

    grove::write_file(path, "second");
    CHECK(grove::read_file(path) == "second");
    CHECK(std::string{std::istreambuf_iterator<char>{old}, {}} == "first");
    CHECK(grove::status(path).permissions == std::filesystem::perms{0640});
    CHECK(grove::list_directory(scratch.path()) == std::vector{path});
}

GROVE_TEST("who reads while a file is replaced sees one or the other") {
    const Scratch scratch;
    const std::string a(100'000, 'a');
    const std::string b(100'000, 'b');
    grove::write_file(scratch / "f", a);
    auto writer = spawn([&] {
        for (int i = 0; i < 20; ++i) grove::write_file(scratch / "f", i % 2 ? a : b);
    });
    int looks = 0;
    while (!writer.ready()) {
        const std::string seen = grove::read_file(scratch / "f");
        REQUIRE((seen == a || seen == b));
        ++looks;
        grove::yield();
    }
    CHECK(looks > 0);
    writer.join();
}

GROVE_TEST("rename, remove, make_directory, list_directory, copy_file and status") {
    const Scratch scratch;
    CHECK(grove::make_directory(scratch / "d"));
    CHECK_FALSE(grove::make_directory(scratch / "d"));
    CHECK(grove::status(scratch / "d").type == std::filesystem::file_type::directory);

    const std::string contents = noise(300'000);
    grove::write_file(scratch / "d/one", contents);
    grove::copy_file(scratch / "d/one", scratch / "d/two");
    CHECK(look(scratch / "d/two") == contents);
    grove::rename(scratch / "d/one", scratch / "d/three");
    CHECK(grove::list_directory(scratch / "d") == std::vector{scratch / "d/three", scratch / "d/two"});

    const auto status = grove::status(scratch / "d/two");
    CHECK(status.type == std::filesystem::file_type::regular);
    CHECK(status.size == contents.size());
    CHECK(std::chrono::abs(std::chrono::system_clock::now() - status.modified) < 1h);

    std::error_code ec;
    CHECK_FALSE(grove::remove(scratch / "d", ec));
    CHECK(ec == std::errc::directory_not_empty);
    CHECK(grove::remove(scratch / "d/two"));
    CHECK(grove::remove(scratch / "d/three"));
    CHECK_FALSE(grove::remove(scratch / "d/three"));
    CHECK(grove::remove(scratch / "d"));
    CHECK(grove::list_directory(scratch.path()).empty());

    put(scratch / "f", "");
    CHECK_FALSE(grove::make_directory(scratch / "f", ec));
    CHECK(ec == std::errc::file_exists);
}

// --- Plain threads ----------------------------------------------------------------------------------

TEST_CASE("on a plain thread the same calls block that thread") {
    const Scratch scratch;
    const int before = open_descriptors();
    {
        grove::write_file(scratch / "a", "from a thread");
        make_cold(scratch / "a");
        CHECK(grove::read_file(scratch / "a") == "from a thread");
        File file = File::open(scratch / "a", OpenMode::append);
        grove::write(file, "!", 1s);
        CHECK(file.size() == 14);
        file.close();
        CHECK_THROWS_AS((void)File::open(scratch / "none"), std::system_error);
    }
    CHECK(open_descriptors() == before);
}

GROVE_TEST_REAL("a thread that holds the Gil lets go of it while it waits for a disk") {
    const Scratch scratch;
    auto& gil = grove::gil();
    const auto handovers = gil.stats().handovers;
    std::string seen;
    std::atomic<bool> done{false};
    std::thread thread{[&] {
        const std::scoped_lock held{gil};
        grove::write_file(scratch / "a", "held");
        seen = grove::read_file(scratch / "a");
        done = true;
    }};
    while (!done) grove::sleep(1ms);
    grove::allow_threads([&] { thread.join(); });
    CHECK(seen == "held");
    CHECK(gil.stats().handovers > handovers);
}

TEST_SUITE_END();
