#include <grove/http/message.hpp>
#include <grove/io/stream.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::string_literals;
using grove::http::Headers;

static_assert(grove::ReadStream<grove::http::BodyReader>);

namespace {

std::string text_of(const Headers& headers) {
    std::string text;
    for (const auto& [name, value] : headers) text += name + "=" + value + ";";
    return text;
}

}  // namespace

TEST_SUITE_BEGIN("http/message");

TEST_CASE("headers keep the order of their arrival") {
    Headers headers;
    headers.add("B", "1");
    headers.add("a", "2");
    headers.add("b", "3");

    CHECK(text_of(headers) == "B=1;a=2;b=3;");
    CHECK(headers.size() == 3);
}

TEST_CASE("names compare without case, and get gives the first") {
    Headers headers;
    headers.add("Accept", "1");
    headers.add("ACCEPT", "2");

    CHECK(headers.get("accept") == "1");
    CHECK_FALSE(headers.get("accept-encoding"));
    CHECK_FALSE(headers.get(""));
}

TEST_CASE("set replaces all of that name in the place of the first") {
    Headers headers;
    headers.add("a", "1");
    headers.add("b", "2");
    headers.add("A", "3");
    headers.add("c", "4");

    headers.set("a", "new");
    headers.set("d", "5");

    CHECK(text_of(headers) == "a=new;b=2;c=4;d=5;");
}

TEST_CASE("set may be given a value out of the headers themselves") {
    Headers headers;
    headers.add("short", "1");
    headers.add("long", std::string(100, 'x'));
    headers.set("short", *headers.get("long"));
    headers.set("long", *headers.get("long"));
    headers.add("more", *headers.get("short"));

    CHECK(headers.get("more") == std::string(100, 'x'));
    CHECK(headers.get("long") == std::string(100, 'x'));
}

TEST_CASE("erase drops all of that name, and the rest keeps its order") {
    Headers headers;
    for (const auto* name : {"a", "x", "b", "X", "c"}) headers.add(name, name);

    headers.erase("X");
    headers.erase("none");

    CHECK(text_of(headers) == "a=a;b=b;c=c;");
    headers.add("d", "d");
    CHECK(text_of(headers) == "a=a;b=b;c=c;d=d;");
}

TEST_CASE("headers can be used again after clear, move and copy") {
    Headers headers;
    headers.add("a", "1");
    headers.add("b", "2");
    headers.clear();
    CHECK(headers.empty());
    CHECK_FALSE(headers.get("a"));
    headers.add("c", "3");

    const Headers copy = headers;
    Headers moved = std::move(headers);
    CHECK(text_of(copy) == "c=3;");
    CHECK(text_of(moved) == "c=3;");
    headers = {};
    CHECK(headers.begin() == headers.end());
    headers.add("d", "4");
    moved = headers;
    CHECK(text_of(moved) == "d=4;");
}

TEST_CASE("a field that would write others is refused") {
    Headers headers;
    for (const auto& value : {"a\r\nb: c"s, "a\nb"s, "a\rb"s, "a\0b"s, "\x7f"s, "\x01"s}) {
        CHECK_THROWS_AS(headers.add("name", value), std::invalid_argument);
        CHECK_THROWS_AS(headers.set("name", value), std::invalid_argument);
    }
    for (const auto& name : {""s, "a b"s, "a:"s, "a\r\nb"s, "\xc3\xa4"s, "(a)"s}) {
        CHECK_THROWS_AS(headers.add(name, "value"), std::invalid_argument);
    }
    CHECK(headers.empty());
    headers.add("!#$%&'*+-.^_`|~09azAZ", "\tany \xc3\xa4");
    CHECK(headers.size() == 1);
}

TEST_CASE("a body that came with no connection is empty") {
    grove::http::Request request;
    std::byte byte;
    std::error_code ec;

    CHECK(request.method == "GET");
    CHECK(request.body.read_some({&byte, 1}, ec) == 0);
    CHECK_FALSE(ec);
    CHECK(request.body.read_all().empty());
    CHECK(request.body.read_all(0).empty());
    CHECK(request.body.read_all(static_cast<std::size_t>(-1)).empty());
}

TEST_SUITE_END();
