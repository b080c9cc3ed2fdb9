#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/group.hpp>

#include "support/grove_test.hpp"
#include "sync/blocking_call.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using grove::Deadline;
using grove::Pool;
using grove::spawn;

static_assert(!std::is_copy_constructible_v<Pool> && !std::is_move_constructible_v<Pool>);

TEST_SUITE_BEGIN("sync/pool");

namespace {

/// A pool with one place, which a greenlet has that is given up.
struct FullPool {
    FullPool() : member{spawn([] { grove::sleep({}); })} { pool.add(member); }
    ~FullPool() {
        member.kill();
        member.join();
    }
    void satisfy() { pool.discard(member); }
    static constexpr bool is_remembered = true;
    Pool pool{1};
    grove::Greenlet<> member;
};

struct SpawnIntoFull : FullPool {
    bool wait(Deadline by) {
        return pool.try_spawn(by, [] {}).has_value();
    }
};

}  // namespace

GROVE_TEST("spawn keeps the promises of a blocking call") {
    grove::testing::check_blocking_call<SpawnIntoFull>();
}

GROVE_TEST("as many run at once as there are places") {
    Pool pool{3};
    int running = 0;
    int most = 0;
    const auto start = grove::now();
    for (int i = 0; i < 12; ++i) {
        pool.spawn([&] {
            most = std::max(most, ++running);
            grove::sleep(5ms);
            --running;
        });
    }
    pool.join();
    CHECK(most == 3);
    CHECK(grove::now() - start == 20ms);
}

GROVE_TEST("a pool counts its places") {
    Pool pool{2};
    CHECK(pool.free_count() == 2);
    CHECK_FALSE(pool.full());
    auto first = pool.spawn([] { grove::sleep(1ms); });
    auto second = pool.spawn([] { grove::sleep(2ms); });
    CHECK(pool.size() == 2);
    CHECK(pool.free_count() == 0);
    CHECK(pool.full());
    first.join();
    CHECK(pool.free_count() == 1);
    second.join();
    CHECK(pool.free_count() == 2);
    CHECK(pool.size() == 0);
}

GROVE_TEST("places go to those who wait for one in the order they came") {
    Pool pool{1};
    pool.spawn([] { grove::sleep(1ms); });
    std::string order;
    std::vector<grove::Greenlet<>> spawners;
    for (const char name : {'1', '2', '3'}) {
        spawners.push_back(spawn([&, name] { pool.spawn([&order, name] { order += name; }); }));
        grove::yield();
    }
    CHECK_FALSE(pool.try_spawn(0ms, [&] { order += '!'; }));
    grove::join_all(spawners);
    pool.join();
    CHECK(order == "123");
}

GROVE_TEST("try_spawn starts nothing if no place comes free in time") {
    Pool pool{1};
    auto member = pool.spawn([] { grove::sleep(10ms); });
    bool ran = false;
    const auto start = grove::now();
    CHECK_FALSE(pool.try_spawn(5ms, [&] { ran = true; }));
    CHECK(grove::now() - start == 5ms);
    auto late = pool.try_spawn(10ms, [] { return 7; });
    REQUIRE(late);
    CHECK(late->get() == 7);
    CHECK_FALSE(ran);
}

GROVE_TEST("a place is given back when the spawn throws, and when the member ends by kill") {
    struct Uncopyable {
        Uncopyable() = default;
        Uncopyable(const Uncopyable&) { throw std::runtime_error{"no"}; }
        Uncopyable& operator=(const Uncopyable&) = delete;
        ~Uncopyable() = default;
        void operator()() const {}
    };
    const Uncopyable f;
    Pool pool{1};
    CHECK_THROWS_AS(pool.spawn(f), std::runtime_error);
    CHECK_THROWS_AS((void)pool.try_spawn(0ms, f), std::runtime_error);
    CHECK(pool.free_count() == 1);
    pool.spawn([] { grove::sleep({}); });
    pool.kill();
    pool.join();
    CHECK(pool.free_count() == 1);
}

GROVE_TEST("add waits for a place, and takes none for who has ended meanwhile") {
    Pool pool{1};
    pool.spawn([] { grove::sleep(10ms); });
    auto lasting = spawn([] { grove::sleep(20ms); });
    const auto start = grove::now();
    pool.add(lasting);
    CHECK(grove::now() - start == 10ms);
    CHECK(pool.full());
    pool.add(lasting);  // a member already: no wait

    auto brief = spawn([] { grove::sleep(1ms); });
    pool.add(brief);
    CHECK(pool.free_count() == 1);
    CHECK(pool.size() == 0);
}

GROVE_TEST("wait_available waits for a place and takes none") {
    Pool pool{1};
    pool.wait_available();
    pool.spawn([] { grove::sleep(5ms); });
    auto other = spawn([&] { pool.wait_available(); });
    const auto start = grove::now();
    pool.wait_available();
    other.join();
    CHECK(grove::now() - start == 5ms);
    CHECK(pool.free_count() == 1);
}

GROVE_TEST("killing the pool lets who waits for a place have it") {
    Pool pool{1};
    pool.spawn([] { grove::sleep({}); });
    auto spawner = spawn([&] { return pool.spawn([] { return 7; }).get(); });
    grove::yield();
    pool.kill();
    CHECK(spawner.get() == 7);
}

GROVE_TEST("the destructor kills and joins whoever is left") {
    bool unwound = false;
    {
        Pool pool{2};
        pool.spawn([&] {
            try {
                grove::sleep({});
            } catch (const grove::GreenletExit&) {
                unwound = true;
                throw;
            }
        });
        grove::yield();
    }
    CHECK(unwound);
}

TEST_SUITE_END();
