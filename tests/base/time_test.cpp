#include <grove/base/time.hpp>

#include <doctest/doctest.h>

#include <limits>

using namespace std::chrono_literals;
using grove::Clock;
using grove::Deadline;

TEST_SUITE_BEGIN("base/time");

TEST_CASE("a Deadline is never unless given") {
    CHECK(Deadline{}.is_never());
    CHECK_FALSE(Deadline{}.passed());
    CHECK(Deadline{} > Deadline{1h});
}

TEST_CASE("a duration means that long from now, rounded up") {
    const auto before = Clock::now();
    const Deadline soon = 50ms;
    const auto after = Clock::now();
    CHECK(soon.at() >= before + 50ms);
    CHECK(soon.at() <= after + 50ms);
    const Deadline fraction = std::chrono::duration<double, std::nano>{0.25};
    CHECK(fraction.at() >= before + 1ns);
}

TEST_CASE("zero or less has passed") {
    CHECK(Deadline{0ms}.passed());
    CHECK(Deadline{0ms}.at() == Clock::time_point{});
    CHECK(Deadline{-5s}.passed());
    CHECK(Deadline{std::chrono::nanoseconds::min()}.passed());
    CHECK_FALSE(Deadline{1h}.passed());
}

TEST_CASE("a delay too long to add to now is never") {
    CHECK(Deadline{std::chrono::hours::max()}.is_never());
    CHECK(Deadline{std::chrono::nanoseconds::max()}.is_never());
    CHECK(Deadline{std::chrono::duration<double>{std::numeric_limits<double>::infinity()}}.is_never());
    CHECK_FALSE(Deadline{std::chrono::hours{24 * 365 * 100}}.is_never());
}

TEST_SUITE_END();
