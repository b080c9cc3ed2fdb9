#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/io/pipe.hpp>
#include <grove/io/stream.hpp>

#include "support/child_process.hpp"
#include "support/grove_test.hpp"
#include "support/settle.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using grove::Errc;
using grove::make_pipe;
using grove::ReadPipe;
using grove::spawn;
using grove::WritePipe;
using grove::testing::settle;

namespace {

constexpr auto patience = 20s;

std::string read_all(ReadPipe& pipe) {
    std::string all;
    std::array<std::byte, 1000> piece;
    while (const std::size_t n = pipe.read_some(piece, patience))
        all.append(reinterpret_cast<const char*>(piece.data()), n);
    return all;
}

std::string read_piece(ReadPipe& pipe) {
    std::array<std::byte, 256> piece;
    return {reinterpret_cast<const char*>(piece.data()), pipe.read_some(piece, patience)};
}

/// A file that is gone when the test is.
class TemporaryPath {
public:
    TemporaryPath() : path_{"/tmp/grove_pipe_test." + std::to_string(::getpid())} { ::unlink(path_.c_str()); }
    ~TemporaryPath() { ::unlink(path_.c_str()); }
    [[nodiscard]] const char* c_str() const { return path_.c_str(); }

private:
    std::string path_;
};

bool is_non_blocking(int fd) {
    return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

}  // namespace

TEST_SUITE_BEGIN("io/pipe");

GROVE_TEST_REAL("what is written to one end is read from the other, to the end") {
    auto [reader, writer] = make_pipe();
    const std::string much(1'000'000, 'x');
    auto feeder = spawn([&, &writer = writer] {
        grove::write(writer, much, patience);
        writer.close();
    });
    CHECK(read_all(reader) == much);
    feeder.join();
}

GROVE_TEST_REAL("closing wakes the reader and the writer that wait") {
    auto [reader, other_writer] = make_pipe();
    auto [other_reader, writer] = make_pipe();
    std::error_code read_error;
    std::error_code write_error;
    auto reading = spawn([&, &pipe = reader] {
        std::array<std::byte, 8> piece;
        pipe.read_some(piece, read_error, patience);
    });
    auto writing = spawn([&, &pipe = writer] { grove::write(pipe, std::string(1 << 20, 'x'), write_error); });
    settle();
    reader.close();
    writer.close();
    reading.join();
    writing.join();
    CHECK(read_error == Errc::closed);
    CHECK(write_error == Errc::closed);
    std::array<std::byte, 8> piece;
    reader.read_some(piece, read_error);
    CHECK(read_error == Errc::closed);
}

GROVE_TEST("a deadline is kept exactly, and nothing is lost by it") {
    auto [reader, writer] = make_pipe();
    std::array<std::byte, 8> piece;
    std::error_code ec;
    const auto start = grove::now();
    CHECK(reader.read_some(piece, ec, 70ms) == 0);
    CHECK(ec == std::errc::timed_out);
    CHECK(grove::now() - start == 70ms);
    grove::write(writer, "abc");
    CHECK(read_piece(reader) == "abc");
}

TEST_CASE("writing to a pipe that nobody reads is an error, and no signal") {
    const auto end = grove::testing::run_child([] {  // a SIGPIPE would end it
        grove::run([] {
            auto [reader, writer] = make_pipe();
            reader.close();
            std::error_code ec;
            grove::write(writer, "x", ec);
            if (ec != std::errc::broken_pipe) ::_exit(3);
        });
        sigset_t pending;
        sigpending(&pending);
        if (sigismember(&pending, SIGPIPE)) ::_exit(4);
        sigset_t mask;
        pthread_sigmask(SIG_BLOCK, nullptr, &mask);
        if (sigismember(&mask, SIGPIPE)) ::_exit(5);
    });
    CHECK(end.exit_code == 0);
}

GROVE_TEST_REAL("a writer that waits learns that the reader is gone") {
    auto [reader, writer] = make_pipe();
    std::error_code ec;
    auto writing =
        spawn([&, &pipe = writer] { grove::write(pipe, std::string(1 << 20, 'x'), ec, patience); });
    settle();
    reader.close();
    writing.join();
    CHECK(ec == std::errc::broken_pipe);
}

GROVE_TEST_REAL("a killed reader leaves the pipe to the next") {
    auto [reader, writer] = make_pipe();
    auto first = spawn([&pipe = reader] { (void)read_piece(pipe); });
    settle();
    first.kill();
    first.join();
    CHECK(first.killed());
    grove::write(writer, "for the second");
    CHECK(read_piece(reader) == "for the second");
}

GROVE_TEST_REAL("a FIFO is adopted, and released as it is") {
    const TemporaryPath path;
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    auto reader = ReadPipe::adopt(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    auto writer = WritePipe::adopt(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    CHECK(is_non_blocking(writer.native_handle()));
    auto writing = spawn([&] { grove::write(writer, "through the file system"); });
    CHECK(read_piece(reader) == "through the file system");
    writing.join();
    const int fd = writer.release();
    CHECK_FALSE(writer);
    CHECK(::write(fd, "x", 1) == 1);
    ::close(fd);
    CHECK(read_all(reader) == "x");
}

GROVE_TEST_REAL("a regular file is read and written on the pool") {
    const TemporaryPath path;
    auto writer = WritePipe::adopt(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    grove::write(writer, "some text");
    writer.close();
    auto reader = ReadPipe::adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    CHECK(read_all(reader) == "some text");
}

GROVE_TEST_REAL("a descriptor that is none cannot be adopted") {
    CHECK_THROWS_AS((void)ReadPipe::adopt(-1), std::system_error);
}

GROVE_TEST_REAL("a terminal gives its lines one by one") {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(master >= 0);
    REQUIRE(::grantpt(master) == 0);
    REQUIRE(::unlockpt(master) == 0);
    auto terminal = ReadPipe::adopt(::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC));
    auto keyboard = WritePipe::adopt(master);
    auto first = spawn([&] { return read_piece(terminal); });
    settle();
    grove::write(keyboard, "one\ntwo\n");  // both are there when the first is read
    CHECK(first.get() == "one\n");
    CHECK(read_piece(terminal) == "two\n");
}

TEST_CASE("a plain thread blocks in the same calls") {
    auto [reader, writer] = make_pipe();
    std::thread feeder{[&, &pipe = writer] {
        grove::write(pipe, std::string(300'000, 'x'), patience);
        pipe.close();
    }};
    CHECK(read_all(reader).size() == 300'000);
    feeder.join();
}

// --- Standard streams -------------------------------------------------------------------------------

namespace {

/// Copies its standard input to its standard output, in a child that has fd as both; and checks that the open
/// file blocks as before.
int copy_standard_streams(int input, int output) {
    const auto end = grove::testing::run_child([=] {
        ::dup2(input, STDIN_FILENO);
        ::dup2(output, STDOUT_FILENO);
        if (input > 2) ::close(input);
        if (output > 2) ::close(output);
        grove::run([] {
            auto in = grove::standard_input();
            auto out = grove::standard_output();
            if (read_piece(in) != "standard") ::_exit(3);
            grove::write(out, "STANDARD");
            if (is_non_blocking(STDIN_FILENO) || is_non_blocking(STDOUT_FILENO)) ::_exit(4);
        });
        if (::write(STDOUT_FILENO, "!", 1) != 1) ::_exit(5);  // the handles are closed, the stream is not
    });
    return end.exit_code;
}

}  // namespace

TEST_CASE("the standard streams work on pipes, and leave them blocking") {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    REQUIRE(::pipe(in.data()) == 0);
    REQUIRE(::pipe(out.data()) == 0);
    REQUIRE(::write(in[1], "standard", 8) == 8);
    CHECK(copy_standard_streams(in[0], out[1]) == 0);
    std::array<char, 16> piece{};
    CHECK(std::string(piece.data(), static_cast<std::size_t>(::read(out[0], piece.data(), 16))) ==
          "STANDARD!");
    for (const int fd : {in[0], in[1], out[0], out[1]}) ::close(fd);
}

TEST_CASE("the standard streams work on sockets, which cannot be opened again") {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
    REQUIRE(::write(ends[1], "standard", 8) == 8);
    CHECK(copy_standard_streams(ends[0], ends[0]) == 0);
    std::array<char, 16> piece{};
    CHECK(std::string(piece.data(), static_cast<std::size_t>(::read(ends[1], piece.data(), 16))) ==
          "STANDARD!");
    for (const int fd : ends) ::close(fd);
}

TEST_CASE("the standard streams work on regular files, where those stand") {
    const TemporaryPath path;
    const int out = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
    REQUIRE(::write(out, "xyzstandard", 11) == 11);
    const int in = ::open(path.c_str(), O_RDONLY);
    ::lseek(in, 3, SEEK_SET);
    CHECK(copy_standard_streams(in, out) == 0);
    std::array<char, 32> piece{};
    CHECK(std::string(piece.data(), static_cast<std::size_t>(::pread(out, piece.data(), 32, 0))) ==
          "xyzstandardSTANDARD!");
    ::close(in);
    ::close(out);
}

TEST_CASE("waiting for standard input keeps nobody else waiting, also where it cannot be opened again") {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
    const auto end = grove::testing::run_child([&ends] {
        ::dup2(ends[0], STDIN_FILENO);
        grove::run([&ends] {
            auto reading = spawn([] {
                auto in = grove::standard_input();
                return read_piece(in);
            });
            settle();
            if (reading.ready()) ::_exit(3);
            if (::write(ends[1], "late", 4) != 4) ::_exit(4);
            if (reading.get() != "late") ::_exit(5);
        });
    });
    CHECK(end.exit_code == 0);
    for (const int fd : ends) ::close(fd);
}

TEST_SUITE_END();
