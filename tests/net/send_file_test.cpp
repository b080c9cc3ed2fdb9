#include <grove/core/greenlet.hpp>
#include <grove/core/timeout.hpp>
#include <grove/net/send_file.hpp>

#include "io/scratch.hpp"
#include "net/loopback.hpp"
#include "support/faulty_os.hpp"
#include "support/grove_test.hpp"
#include "support/thrown.hpp"

#include <chrono>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::File;
using grove::spawn;
using grove::net::FileRange;
using grove::net::send_file;
using grove::net::Side;
using grove::net::Socket;

namespace {

constexpr std::size_t large = 5 << 20;

/// A file of so many bytes, and what is in it.
struct Source {
    explicit Source(std::size_t size) : contents{noise(size)} {
        put(scratch / "file", contents);
        file = File::open(scratch / "file");
    }

    Scratch scratch;
    std::string contents;
    File file;
};

/// All there is to the end.
std::string read_all(Socket& socket) {
    std::string all;
    std::vector<std::byte> buffer(1 << 18);
    while (const std::size_t n = socket.read_some(buffer, patience)) all += text(std::span{buffer}.first(n));
    return all;
}

/// What arrives of that part.
std::string arrives(Source& source, const FileRange& range, std::pair<Socket, Socket> ends) {
    auto reading = spawn([&] { return read_all(ends.second); });
    send_file(ends.first, source.file, range, patience);
    ends.first.shutdown(Side::write);
    return reading.get();
}

}  // namespace

TEST_SUITE_BEGIN("net/send_file");

GROVE_TEST_REAL("a part of a file arrives as it is, small or large, by TCP or a Unix socket") {
    Source source{large};
    for (const FileRange& range : {FileRange{0, large},
                                   FileRange{12345, 3 << 20},
                                   FileRange{0, 0},
                                   FileRange{7, 1},
                                   FileRange{0, 64 * 1024},
                                   FileRange{1, 64 * 1024 + 1},
                                   FileRange{large - 100'000, 100'000}}) {
        const auto expected = source.contents.substr(range.offset, range.length);
        const bool by_tcp = arrives(source, range, tcp_pair()) == expected;
        CHECK_MESSAGE(by_tcp, range.offset << ' ' << range.length);
        const bool by_unix = arrives(source, range, Socket::pair()) == expected;
        CHECK_MESSAGE(by_unix, range.offset << ' ' << range.length);
    }
    CHECK(source.file.position() == 0);
}

GROVE_TEST_REAL("what is not in memory arrives, too") {
    Source source{large};
    make_cold(source.scratch / "file");
    const bool good = arrives(source, {0, large}, tcp_pair()) == source.contents;
    CHECK(good);
}

GROVE_TEST_REAL("a file that ends too early is Errc::eof, behind what there was") {
    Source source{large};
    for (const std::size_t there : {std::size_t{10}, std::size_t{500'000}}) {
        auto [left, right] = tcp_pair();
        auto reading = spawn([&right = right] { return read_all(right); });
        std::error_code ec;
        const std::size_t offset = large - there;
        CHECK(send_file(left, source.file, {offset, large}, ec, patience) == there);
        CHECK(ec == Errc::eof);
        left.close();
        CHECK(reading.get().size() == there);
    }
}

GROVE_TEST_REAL("a peer that is gone is an error that names it, and no signal") {
    Source source{large};
    auto [left, right] = tcp_pair();
    right.close();
    const auto peer = left.peer().to_string();
    std::string what;
    while (what.empty()) {
        what = error_of([&, &to = left] { send_file(to, source.file, {0, large}, patience); });
    }
    CHECK((what == "send_file to " + peer + ": Broken pipe" ||
           what == "send_file to " + peer + ": Connection reset by peer"));
}

GROVE_TEST_REAL("a peer that does not read: the deadline ends it, a Timeout, a kill, closing") {
    Source source{large};
    const FileRange all{0, 64 << 20};  // more than the buffers hold
    std::filesystem::resize_file(source.scratch / "file", all.length);
    auto [left, right] = tcp_pair();
    Socket& to = left;
    std::error_code ec;
    const auto sent = send_file(to, source.file, all, ec, 50ms);
    CHECK(ec == std::errc::timed_out);
    CHECK(sent > 0);
    CHECK(sent < all.length);
    CHECK_FALSE(grove::try_with_timeout(20ms, [&] { send_file(to, source.file, all); }));

    auto sending = spawn([&] { send_file(to, source.file, all); });
    settle();
    sending.kill();
    sending.join();
    CHECK(sending.killed());

    auto closed = spawn([&] { return code_of([&] { send_file(to, source.file, all); }); });
    settle();
    to.close();
    CHECK(closed.get() == Errc::closed);
    CHECK(code_of([&] { send_file(to, source.file, all); }) == Errc::closed);
}

GROVE_TEST_REAL("a peer that takes it as fast as it comes: the deadline ends it all the same") {
    const auto ends_in_time = [] {
        Source source{0};
        const FileRange all{0, std::uint64_t{1} << 40};
        std::filesystem::resize_file(source.scratch / "file", all.length);
        auto [left, right] = tcp_pair();
        const auto reading = spawn([&from = right] {
            std::vector<std::byte> buffer(1 << 18);
            while (from.read_some(buffer, patience) > 0) {
            }
        });
        std::error_code ec;
        const auto sent = send_file(left, source.file, all, ec, 50ms);
        CHECK(ec == std::errc::timed_out);
        CHECK(sent > 0);
        left.close();
        reading.join();
    };
    SUBCASE("by the kernel") {
        ends_in_time();
    }
    SUBCASE("by copies") {
        static FaultyOs system;
        system.fail(Call::send_file, 1, EINVAL);
        const OsScope scope{system};
        ends_in_time();
    }
}

GROVE_TEST_REAL("while it is under way others run, and a file that is closed is kept to its end") {
    Source source{large};
    auto [left, right] = tcp_pair();
    auto sending = spawn([&, &to = left] {
        send_file(to, source.file, {0, large}, patience);
        to.close();
    });
    settle();
    auto closing = spawn([&] { source.file.close(); });
    CHECK(read_all(right) == source.contents);
    sending.get();
    closing.get();
    CHECK(code_of([&, &to = right] { send_file(to, source.file, {0, 1}); }) == Errc::closed);
}

GROVE_TEST_REAL("a system that cuts, interrupts, has no room, or cannot send files at all") {
    static FaultyOs system;  // outlives the pool threads
    system.shorten(Call::send_file, 1, 1, 3);
    system.fail(Call::send_file, 4, EINTR, 2);
    system.fail(Call::send_file, 6, EAGAIN, 2);
    system.fail(Call::send_file, 8, EINVAL);
    const OsScope scope{system};
    Source source{large};
    const bool good = arrives(source, {0, large}, tcp_pair()) == source.contents;
    CHECK(good);
    CHECK(system.count(Call::send_file) == 8);
}

GROVE_TEST_REAL("what the system says is passed on, with what went out before") {
    static FaultyOs system;
    system.shorten(Call::send_file, 1, 1000);
    system.fail(Call::send_file, 2, EIO);
    system.fail(Call::duplicate, 2, EMFILE);
    const OsScope scope{system};
    Source source{large};
    auto [left, right] = tcp_pair();
    std::error_code ec;
    CHECK(send_file(left, source.file, {0, large}, ec, patience) == 1000);
    CHECK(ec == std::errc::io_error);
    CHECK(send_file(left, source.file, {0, large}, ec, patience) == 0);
    CHECK(ec == std::errc::too_many_files_open);
}

TEST_CASE("on a plain thread") {
    Source source{256 * 1024};  // what the buffers hold
    auto [left, right] = tcp_pair();
    send_file(left, source.file, {0, 256 * 1024}, patience);
    left.close();
    const bool good = read_all(right) == source.contents;
    CHECK(good);
}

TEST_SUITE_END();
