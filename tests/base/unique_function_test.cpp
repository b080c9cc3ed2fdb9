#include <grove/base/unique_function.hpp>

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>

using grove::UniqueFunction;

namespace {

int twice(int n) {
    return 2 * n;
}

struct Counts {
    explicit Counts(int& n) : alive{&n} { ++*alive; }
    Counts(Counts&& other) noexcept : alive{other.alive} { ++*alive; }
    ~Counts() { --*alive; }
    int* alive;
};

}  // namespace

TEST_SUITE_BEGIN("base/unique_function");

TEST_CASE("an empty one says so, and throws when called") {
    UniqueFunction<void()> f;
    CHECK_FALSE(f);
    CHECK_THROWS_AS(f(), std::bad_function_call);
    int (*none)(int) = nullptr;
    CHECK_FALSE(UniqueFunction<int(int)>{none});
}

TEST_CASE("it holds functions, lambdas and what cannot be copied") {
    UniqueFunction<int(int)> f = twice;
    CHECK(f(4) == 8);
    f = [box = std::make_unique<int>(3)](int n) { return *box + n; };
    CHECK(f(4) == 7);
    UniqueFunction<void(int)> ignores_result = twice;
    ignores_result(1);
}

TEST_CASE("arguments are passed on, references as such") {
    UniqueFunction<std::string(std::string&, std::string &&)> f = [](std::string& a, std::string&& b) {
        a = "seen";
        return std::move(b);
    };
    std::string a;
    CHECK(f(a, "moved") == "moved");
    CHECK(a == "seen");
}

TEST_CASE("small callables and large ones are moved and destroyed once each") {
    int alive = 0;
    {
        UniqueFunction<int()> small = [c = Counts{alive}] { return *c.alive; };
        UniqueFunction<int()> large = [c = Counts{alive}, room = std::array<int, 100>{}] {
            return *c.alive + room[0];
        };
        auto small_moved = std::move(small);
        auto large_moved = std::move(large);
        CHECK(alive == 2);
        CHECK_FALSE(small);
        CHECK(small_moved() == 2);
        CHECK(large_moved() == 2);
        small_moved = std::move(large_moved);
        CHECK(alive == 1);
        small_moved = nullptr;
        CHECK(alive == 0);
    }
    CHECK(alive == 0);
}

TEST_SUITE_END();
