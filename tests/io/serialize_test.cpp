#include <grove/base/error.hpp>
#include <grove/io/serialize.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <system_error>

using grove::ByteReader;
using grove::ByteWriter;
using grove::Serializable;
using grove::Serialize;

namespace {

enum class Colour : std::uint8_t { red, green };

struct Point {
    int x = 0;
    double y = 0;
    friend bool operator==(const Point&, const Point&) = default;
};

struct Page {
    std::string url;
    std::vector<Point> points;
    friend bool operator==(const Page&, const Page&) = default;
};

struct Opaque {};

template <class T>
T there_and_back(const T& value) {
    ByteWriter out;
    Serialize<T>::write(out, value);
    ByteReader in{out.bytes()};
    T result = Serialize<T>::read(in);
    CHECK(in.left() == 0);
    return result;
}

}  // namespace

template <>
struct grove::Serialize<Point> : grove::SerializeMembers<&Point::x, &Point::y> {};
template <>
struct grove::Serialize<Page> : grove::SerializeMembers<&Page::url, &Page::points> {};

TEST_SUITE_BEGIN("io/serialize");

TEST_CASE("values come back as they were") {
    CHECK(there_and_back(-5) == -5);
    CHECK(there_and_back(true));
    CHECK(there_and_back(0.1) == 0.1);
    CHECK(there_and_back(std::numeric_limits<std::uint64_t>::max()) ==
          std::numeric_limits<std::uint64_t>::max());
    CHECK(there_and_back(Colour::green) == Colour::green);
    CHECK(there_and_back(std::string("a\0b", 3)) == std::string("a\0b", 3));
    CHECK(there_and_back(std::string{}).empty());
    CHECK(there_and_back(std::vector<int>{1, 2, 3}) == std::vector<int>{1, 2, 3});
    CHECK(there_and_back(std::vector<int>{}).empty());
    CHECK(there_and_back(std::vector<bool>{true, false, true}) == std::vector<bool>{true, false, true});
    const std::vector<std::vector<std::string>> nested{{"a", ""}, {}, {"b"}};
    CHECK(there_and_back(nested) == nested);
    const std::tuple<int, std::string, std::optional<long>> all{1, "two", 3};
    CHECK(there_and_back(all) == all);
    CHECK(there_and_back(std::optional<int>{}) == std::nullopt);
    CHECK(there_and_back(std::pair<std::string, int>{"a", 1}) == std::pair<std::string, int>{"a", 1});
}

TEST_CASE("a struct goes by its members, also within others") {
    CHECK(there_and_back(Point{1, 2.5}) == Point{1, 2.5});
    const Page page{"http://a/", {{1, 2}, {3, 4}}};
    CHECK(there_and_back(page) == page);
    const std::vector<Page> pages{page, {}, page};
    CHECK(there_and_back(pages) == pages);
    static_assert(Serializable<std::optional<Page>>);
    static_assert(!Serializable<Opaque>);
    static_assert(!Serializable<std::vector<Opaque>>);
}

TEST_CASE("views are read without a copy") {
    ByteWriter out;
    Serialize<std::string_view>::write(out, "seen from here");
    const auto bytes = out.bytes();
    ByteReader in{bytes};
    const auto text = Serialize<std::string_view>::read(in);
    CHECK(text == "seen from here");
    CHECK(static_cast<const void*>(text.data()) == bytes.data() + 8);
}

TEST_CASE("bytes that end too early, and lengths beyond them, are Errc::bad_message") {
    const auto fails = []<class T>(std::span<const std::byte> bytes, T) {
        try {
            ByteReader in{bytes};
            (void)Serialize<T>::read(in);
            return false;
        } catch (const std::system_error& error) {
            return error.code() == grove::Errc::bad_message;
        }
    };
    ByteWriter out;
    Serialize<Page>::write(out, {"http://a/", {{1, 2}, {3, 4}}});
    for (std::size_t n = 0; n < out.bytes().size(); ++n) CHECK(fails(out.bytes().first(n), Page{}));

    for (const std::uint64_t length : {std::uint64_t{3}, std::uint64_t{1} << 62, ~std::uint64_t{0}}) {
        ByteWriter lies;
        Serialize<std::uint64_t>::write(lies, length);
        Serialize<std::uint16_t>::write(lies, 0);
        CHECK(fails(lies.bytes(), std::string{}));
        CHECK(fails(lies.bytes(), std::vector<int>{}));
        CHECK(fails(lies.bytes(), std::vector<std::string>{}));
    }
}

TEST_SUITE_END();
