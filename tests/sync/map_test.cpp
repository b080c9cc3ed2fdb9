// The maps of Group and Pool.

#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/sync/group.hpp>
#include <grove/sync/queue.hpp>

#include "support/grove_test.hpp"

#include <cstddef>
#include <iterator>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using grove::Group;
using grove::Pool;
using grove::spawn;

TEST_SUITE_BEGIN("sync/map");

namespace {

void throw_error() {
    throw std::runtime_error{"input"};
}

void run_out_of_time() {
    const grove::Timeout timeout{1ms};
    grove::sleep({});
}

/// 0, 1, 2... without end, or until it throws; `taken` counts how many.
struct Naturals {
    struct Iterator {
        using value_type = int;
        using difference_type = std::ptrdiff_t;
        int operator*() const {
            if (value >= fails_at) fail();
            return value;
        }
        Iterator& operator++() {
            ++value;
            ++*taken;
            return *this;
        }
        void operator++(int) { ++*this; }
        int value = 0;
        int* taken = nullptr;
        int fails_at = 0;
        void (*fail)() = &throw_error;
    };
    [[nodiscard]] Iterator begin() const {
        ++*taken;
        return {0, taken, fails_at, fail};
    }
    [[nodiscard]] static std::unreachable_sentinel_t end() { return {}; }
    int* taken;
    int fails_at = 1'000'000'000;
    void (*fail)() = &throw_error;
};
static_assert(std::ranges::input_range<Naturals>);

using Imap = decltype(std::declval<Pool&>().imap(std::vector<int>{}, [](int i) { return i; }));
static_assert(std::ranges::input_range<Imap>);
static_assert(std::is_move_constructible_v<Imap> && !std::is_copy_constructible_v<Imap>);

/// Sleeps that many milliseconds, except for `bad`, which throws at once.
struct SleepUnless {
    int operator()(int milliseconds) const {
        if (milliseconds == bad) throw std::runtime_error{"bad"};
        grove::sleep(std::chrono::milliseconds{milliseconds});
        return milliseconds;
    }
    int bad = -1;
};

std::string joined(auto&& numbers) {
    std::string text;
    for (auto&& number : numbers) text += std::to_string(number) + ' ';
    return text;
}

}  // namespace

// --- map --------------------------------------------------------------------------------------

GROVE_TEST("map gives the results in the order of the input") {
    Group group;
    const auto start = grove::now();
    const std::vector<int> inputs{30, 10, 20};
    CHECK(group.map(inputs, SleepUnless{}) == std::vector{30, 10, 20});
    CHECK(grove::now() - start == 30ms);
    CHECK(group.map(std::vector<int>{}, SleepUnless{}).empty());
}

GROVE_TEST("the map of a pool runs as many at once as there are places") {
    Pool pool{2};
    const auto start = grove::now();
    CHECK(pool.map(std::vector<int>(6, 5), SleepUnless{}) == std::vector<int>(6, 5));
    CHECK(grove::now() - start == 15ms);
    CHECK(pool.free_count() == 2);
}

GROVE_TEST("map takes any input range, any function, and results of any kind") {
    Group group;
    grove::Queue<std::string> words;
    for (const char* word : {"a", "bc", "def"}) words.put(word);
    words.shutdown();
    CHECK(group.map(words, &std::string::size) == std::vector<std::size_t>{1, 2, 3});

    auto boxes = group.map(std::vector{1, 2}, [](int&& i) { return std::make_unique<int>(i); });
    CHECK(*boxes[1] == 2);
    CHECK(group.map(std::vector{1, 2}, [](int& i) -> int& { return ++i; }) == std::vector{2, 3});

    int sum = 0;
    static_assert(std::is_void_v<decltype(group.map(std::vector{1}, [](int) {}))>);
    group.map(std::vector{1, 2, 3}, [&](int i) { sum += i; });
    CHECK(sum == 6);
}

GROVE_TEST("an exception in a map is rethrown when all have ended, the first in order of the input") {
    Group group;
    int ended = 0;
    auto f = [&](int i) {
        grove::sleep(std::chrono::milliseconds{10 - i});
        ++ended;
        if (i == 2 || i == 5) throw std::runtime_error{std::to_string(i)};
        return i;
    };
    CHECK_THROWS_WITH_AS(group.map(std::vector{1, 2, 3, 4, 5}, f), "2", std::runtime_error);
    CHECK(ended == 5);
}

GROVE_TEST("who is killed in a map takes the calls along") {
    Pool pool{2};
    int begun = 0;
    int unwound = 0;
    auto caller = spawn([&] {
        pool.map(std::vector{1, 2, 3}, [&](int) {
            ++begun;
            try {
                grove::sleep({});
            } catch (const grove::GreenletExit&) {
                ++unwound;
                throw;
            }
        });
    });
    grove::sleep(1ms);
    caller.kill();
    caller.join();
    CHECK(begun == 2);
    CHECK(unwound == 2);
    CHECK(pool.size() == 0);
}

GROVE_TEST("an input that throws ends the map with its exception") {
    Group group;
    int taken = 0;
    CHECK_THROWS_WITH_AS(group.map(Naturals{&taken, 2}, SleepUnless{}), "input", std::runtime_error);
    CHECK(group.size() == 0);
}

GROVE_TEST("a member may use the map of its own pool") {
    Pool pool{1};
    auto member = pool.spawn([&] {
        const int outer = pool.map(std::vector{1, 2}, [](int i) { return i; }).back();
        return outer + static_cast<int>(pool.map(std::vector{3}, SleepUnless{}).size());
    });
    CHECK(member.get() == 3);

    Pool two{2};
    auto nested = two.map(std::vector{1, 2, 3, 4}, [&](int i) {
        grove::yield();
        return two.map(std::vector{i, i}, [](int j) { return j * j; }).front();
    });
    CHECK(nested == std::vector{1, 4, 9, 16});
}

// --- imap -------------------------------------------------------------------------------------

GROVE_TEST("imap hands out in the order of the input, imap_unordered as they are ready") {
    Group group;
    const std::vector<int> inputs{30, 10, 20};
    CHECK(joined(group.imap(inputs, SleepUnless{})) == "30 10 20 ");
    CHECK(joined(group.imap_unordered(inputs, SleepUnless{})) == "10 20 30 ");
    CHECK(joined(group.imap(std::vector<int>{}, SleepUnless{})).empty());

    Pool pool{2};
    const auto start = grove::now();
    CHECK(joined(pool.imap_unordered(std::vector{30, 10, 10, 20}, SleepUnless{})) == "10 10 30 20 ");
    CHECK(grove::now() - start == 40ms);
}

GROVE_TEST("imap looks ahead by two results per place and one at most") {
    for (const bool ordered : {true, false}) {
        Pool pool{3};
        int taken = 0;
        int started = 0;
        auto f = [&](int i) {
            ++started;
            return i;
        };
        auto results = ordered ? pool.imap(Naturals{&taken}, f) : pool.imap_unordered(Naturals{&taken}, f);
        grove::sleep(1ms);
        CHECK(taken == 7);
        CHECK(started == 7);
        CHECK(results.next().has_value());
        grove::sleep(1ms);
        CHECK(taken == 8);
        for (int i = 1; i < 20; ++i) CHECK(results.next().has_value());
        grove::sleep(1ms);
        CHECK(taken == 27);
    }
}

GROVE_TEST("the imap of a group takes an input without end little by little") {
    Group group;
    int taken = 0;
    auto results = group.imap(Naturals{&taken}, [](int i) { return i; });
    for (int i = 0; i < 10; ++i) CHECK(results.next() == i);
    CHECK(taken < 3000);
}

GROVE_TEST("an input that throws what unwinds a greenlet ends the range with it") {
    Group group;
    int taken = 0;
    auto results = group.imap(Naturals{&taken, 1, &run_out_of_time}, [](int i) { return i; });
    CHECK(results.next() == 0);
    CHECK_THROWS_AS((void)results.next(), grove::Timeout::Expired);
    CHECK_FALSE(results.next());
}

GROVE_TEST("an exception comes at its element, and the range goes on") {
    Pool pool{2};
    auto results = pool.imap(std::vector{1, 2, 3}, SleepUnless{.bad = 2});
    CHECK(results.next() == 1);
    CHECK_THROWS_WITH_AS((void)results.next(), "bad", std::runtime_error);
    CHECK(results.next() == 3);
    CHECK_FALSE(results.next());
    CHECK_FALSE(results.next());

    auto range = pool.imap(std::vector{1, 2, 3}, SleepUnless{.bad = 2});
    std::string text;
    for (auto it = range.begin(); it != range.end(); ++it) {
        try {
            text += std::to_string(*it);
        } catch (const std::runtime_error&) {
            text += '!';
        }
    }
    CHECK(text == "1!3");

    text.clear();
    auto again = pool.imap(std::vector{1, 2, 3}, SleepUnless{.bad = 2});
    while (text.size() < 3) {
        try {
            for (const int i : again) text += std::to_string(i);
        } catch (const std::runtime_error&) {
            text += '!';
        }
    }
    CHECK(text == "1!3");
}

GROVE_TEST("an input that throws ends the range with its exception, after what it gave") {
    Pool pool{2};
    int taken = 0;
    auto results = pool.imap(Naturals{&taken, 2}, SleepUnless{});
    CHECK(results.next() == 0);
    CHECK(results.next() == 1);
    CHECK_THROWS_WITH_AS((void)results.next(), "input", std::runtime_error);
    CHECK_FALSE(results.next());
}

GROVE_TEST("an input may block: what is ready is handed out meanwhile") {
    grove::Queue<int> inputs;
    inputs.put(1);
    Pool pool{2};
    auto results = pool.imap(inputs, [](int i) { return -i; });
    CHECK(results.next() == -1);
    auto feeder = spawn([&] {
        grove::sleep(5ms);
        inputs.put(2);
        inputs.shutdown();
    });
    CHECK(results.next() == -2);
    CHECK_FALSE(results.next());
    feeder.join();
}

GROVE_TEST("dropping the range kills the calls that are left, and waits for them") {
    Pool pool{2};
    int taken = 0;
    int unwound = 0;
    {
        auto results = pool.imap(Naturals{&taken}, [&](int i) {
            try {
                grove::sleep(i == 0 ? 1ms : 1h);
            } catch (const grove::GreenletExit&) {
                ++unwound;
                throw;
            }
            return i;
        });
        CHECK(results.next() == 0);
        auto moved = std::move(results);
        grove::sleep(1ms);
    }
    CHECK(unwound == 2);
    CHECK(pool.size() == 0);
    CHECK(pool.free_count() == 2);
    {
        auto never_asked = pool.imap(Naturals{&taken}, [](int i) { return i; });
    }
    CHECK(pool.size() == 0);
}

GROVE_TEST("a call killed with its group is an error at its element") {
    Group group;
    auto results = group.imap(std::vector{1, 2}, [](int i) {
        if (i == 2) grove::sleep({});
        return i;
    });
    CHECK(results.next() == 1);
    group.kill();
    CHECK_THROWS_AS((void)results.next(), std::system_error);
    CHECK_FALSE(results.next());
}

GROVE_TEST("a reader that is killed or out of time leaves the range to go on") {
    Pool pool{1};
    auto results = pool.imap(std::vector{10, 1}, SleepUnless{});
    CHECK_FALSE(grove::try_with_timeout(5ms, [&] { return results.next(); }));
    CHECK(results.next() == 10);
    CHECK(results.next() == 1);
}

TEST_SUITE_END();
