#include <grove/io/stream.hpp>

#include "support/thrown.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <ostream>
#include <string>
#include <vector>

using grove::BufferedReader;
using grove::Deadline;
using grove::Errc;
using grove::testing::code_of;

namespace {

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

std::string text(ConstBytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Gives the pieces one by one, then the error or the end.
struct Source {
    std::size_t read_some(Bytes into, std::error_code& ec, Deadline) {
        ec.clear();
        ++reads;
        if (pieces.empty()) return ec = then, 0;
        std::string& piece = pieces.front();
        const std::size_t n = std::min(into.size(), piece.size());
        std::copy_n(std::as_bytes(std::span{piece}).data(), n, into.data());
        piece.erase(0, n);
        if (piece.empty()) pieces.erase(pieces.begin());
        return n;
    }
    std::vector<std::string> pieces{};
    std::error_code then{};
    int reads = 0;
};

/// Takes so many bytes at a time, up to a limit.
struct Sink {
    std::size_t write_some(ConstBytes from, std::error_code& ec, Deadline) {
        ec.clear();
        const std::size_t n = std::min({from.size(), at_a_time, room - taken.size()});
        if (n == 0) return ec = std::make_error_code(std::errc::no_space_on_device), 0;
        taken += text(from.first(n));
        return n;
    }
    std::size_t at_a_time = 3;
    std::size_t room = 1000;
    std::string taken{};
};

/// A stream that names its peer in its own throwing overload, as Socket does.
struct NamedSource : Source {
    using Source::read_some;
    std::size_t read_some(Bytes, Deadline) {
        throw std::system_error{std::make_error_code(std::errc::connection_reset), "read 192.0.2.1:80"};
    }
};

static_assert(grove::ReadStream<Source> && !grove::WriteStream<Source>);
static_assert(grove::WriteStream<Sink> && !grove::ReadStream<Sink>);
static_assert(grove::ReadStream<BufferedReader<Source>>);

}  // namespace

TEST_SUITE_BEGIN("io/stream");

// --- read and write -------------------------------------------------------------------------------

TEST_CASE("read goes on until all is there") {
    Source source{.pieces = {"ab", "c", "defg"}};
    std::array<std::byte, 5> into{};
    grove::read(source, into);
    CHECK(text(into) == "abcde");
    CHECK(source.pieces == std::vector<std::string>{"fg"});
}

TEST_CASE("read of nothing does not ask the stream") {
    Source source{};
    std::error_code ec;
    grove::read(source, Bytes{});
    CHECK(grove::read(source, Bytes{}, ec) == 0);
    CHECK(source.reads == 0);
}

TEST_CASE("a stream that ends first is an error, and what came before is told") {
    std::array<std::byte, 5> into{};
    Source source{.pieces = {"abc"}};
    CHECK(code_of([&] { grove::read(source, into); }) == Errc::eof);

    Source again{.pieces = {"abc"}};
    std::error_code ec;
    CHECK(grove::read(again, into, ec) == 3);
    CHECK(ec == Errc::eof);
    CHECK(text(std::span{into}.first(3)) == "abc");
}

TEST_CASE("an error of the stream ends read and write, and what was done is told") {
    std::array<std::byte, 5> into{};
    std::error_code ec;
    Source source{.pieces = {"ab"}, .then = std::make_error_code(std::errc::connection_reset)};
    CHECK(grove::read(source, into, ec) == 2);
    CHECK(ec == std::errc::connection_reset);

    Sink sink{.room = 4};
    CHECK(grove::write(sink, "abcdef", ec) == 4);
    CHECK(ec == std::errc::no_space_on_device);
    CHECK(code_of([&] { grove::write(sink, "g"); }) == std::errc::no_space_on_device);
}

TEST_CASE("a stream's own exception names its peer") {
    NamedSource source;
    std::array<std::byte, 5> into{};
    std::string what;
    try {
        grove::read(source, into);
    } catch (const std::system_error& error) {
        what = error.what();
    }
    CHECK(what.starts_with("read 192.0.2.1:80: "));
}

TEST_CASE("write goes on until all is written") {
    Sink sink;
    std::error_code ec;
    grove::write(sink, "hello, ");
    grove::write(sink, std::as_bytes(std::span{"world", 5}));
    CHECK(grove::write(sink, "!", ec) == 1);
    CHECK(grove::write(sink, "", ec) == 0);
    CHECK_FALSE(ec);
    CHECK(sink.taken == "hello, world!");
}

// --- BufferedReader -------------------------------------------------------------------------------

TEST_CASE("records are found wherever the pieces were cut") {
    const std::string whole = "one\r\ntwo\r\n\r\nfour\r\n";
    for (std::size_t size = 1; size <= whole.size(); ++size) {
        Source source;
        for (std::size_t at = 0; at < whole.size(); at += size)
            source.pieces.push_back(whole.substr(at, size));
        BufferedReader reader{source};
        CHECK(reader.read_until("\r\n") == "one");
        CHECK(reader.read_until("\r\n") == "two");
        CHECK(reader.read_until("\r\n").empty());
        CHECK(reader.read_until("\r\n") == "four");
        CHECK(code_of([&] { (void)reader.read_until("\r\n"); }) == Errc::eof);
    }
}

TEST_CASE("many records in one piece cost one read") {
    Source source{.pieces = {"a\nb\nc\n"}};
    BufferedReader reader{source};
    CHECK(reader.read_line() == "a");
    CHECK(reader.read_line() == "b");
    CHECK(reader.read_line() == "c");
    CHECK(source.reads == 1);
}

TEST_CASE("a record as long as the limit passes, a longer one does not") {
    Source source{.pieces = {"12345\n", "123456\n"}};
    BufferedReader reader{source, 5};
    CHECK(reader.read_line() == "12345");
    CHECK(code_of([&] { (void)reader.read_line(); }) == std::errc::message_size);
    std::error_code ec;
    CHECK(reader.read_line(ec).empty());
    CHECK(ec == std::errc::message_size);
}

TEST_CASE("a record without end is given up at the limit") {
    Source source;
    for (int i = 0; i < 1000; ++i) source.pieces.emplace_back(100, 'x');
    BufferedReader reader{source, 3000};
    CHECK(code_of([&] { (void)reader.read_line(); }) == std::errc::message_size);
    CHECK(reader.buffered().size() <= 3001);
}

TEST_CASE("no limit is a limit too") {
    Source source{.pieces = {std::string(5000, 'x'), "\n"}};
    BufferedReader reader{source, std::string_view::npos};
    CHECK(reader.read_line().size() == 5000);
}

TEST_CASE("at the end the rest is had through the error code, or through read_some") {
    Source source{.pieces = {"a\nrest"}};
    BufferedReader reader{source};
    std::error_code ec;
    CHECK(reader.read_line(ec) == "a");
    CHECK_FALSE(ec);
    CHECK(reader.read_line(ec) == "rest");
    CHECK(ec == Errc::eof);
    CHECK(reader.read_line(ec).empty());
    CHECK(ec == Errc::eof);

    Source another{.pieces = {"rest"}};
    BufferedReader second{another};
    CHECK(code_of([&] { (void)second.read_line(); }) == Errc::eof);
    CHECK(text(second.buffered()) == "rest");
}

TEST_CASE("a call that failed can be made again, and has lost nothing") {
    Source source{.pieces = {"first ha"}, .then = std::make_error_code(std::errc::timed_out)};
    BufferedReader reader{source};
    std::error_code ec;
    CHECK(reader.read_line(ec).empty());
    CHECK(ec == std::errc::timed_out);
    source.pieces = {"lf\n"};
    CHECK(reader.read_line(ec) == "first half");
    CHECK_FALSE(ec);
}

TEST_CASE("after a line, the bytes that follow are read as they are") {
    Source source{.pieces = {"length 6\nabc", "def"}};
    BufferedReader reader{source};
    CHECK(reader.read_line() == "length 6");
    std::array<std::byte, 6> body{};
    grove::read(reader, body);
    CHECK(text(body) == "abcdef");
    std::error_code ec;
    CHECK(reader.read_some(body, ec) == 0);
    CHECK_FALSE(ec);
}

TEST_CASE("a long stream of records needs no more room than its longest record") {
    Source source;
    for (int i = 0; i < 2000; ++i) source.pieces.push_back(std::to_string(i) + "\n" + std::to_string(i));
    for (auto& piece : source.pieces) piece += "\n";
    BufferedReader reader{source};
    for (int i = 0; i < 2000; ++i) {
        CHECK(reader.read_line() == std::to_string(i));
        CHECK(reader.read_line() == std::to_string(i));
    }
}

TEST_SUITE_END();
