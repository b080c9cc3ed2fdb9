#include <grove/core/greenlet.hpp>
#include <grove/core/sharded.hpp>

#include "support/child_process.hpp"
#include "support/grove_test.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using grove::run_sharded;
using grove::Shard;
using grove::spawn;

namespace {

/// A flag that is raised when its scope ends.
struct RaiseAtEnd {
    std::atomic<int>& count;
    ~RaiseAtEnd() { ++count; }
};

}  // namespace

TEST_SUITE_BEGIN("core/sharded");

TEST_CASE("each shard has its own thread and runtime, the first the caller's") {
    std::mutex mutex;
    std::set<std::thread::id> threads;
    std::set<std::size_t> indices;
    bool first_is_here = false;
    const auto here = std::this_thread::get_id();
    run_sharded(3, [&](Shard shard) {
        const std::scoped_lock lock{mutex};
        threads.insert(std::this_thread::get_id());
        indices.insert(shard.index());
        if (shard.index() == 0) first_is_here = std::this_thread::get_id() == here;
        CHECK(shard.count() == 3);
    });
    CHECK(threads.size() == 3);
    CHECK(indices == std::set<std::size_t>{0, 1, 2});
    CHECK(first_is_here);
}

TEST_CASE("one shard is a run, and 0 are as many as there are cores") {
    std::size_t count = 0;
    run_sharded(1, [&](Shard shard) { count = shard.count(); });
    CHECK(count == 1);
    run_sharded(0, [&](Shard shard) {
        if (shard.index() == 0) count = shard.count();
    });
    CHECK(count == std::max(1U, std::thread::hardware_concurrency()));
}

TEST_CASE("it returns when the greenlets of all shards have ended") {
    std::atomic<int> ended{0};
    run_sharded(3, [&](Shard shard) {
        spawn([&ended, shard] {
            grove::sleep(1ms * static_cast<int>(shard.index()));
            ++ended;
        });
    });
    CHECK(ended == 3);
}

TEST_CASE("shards call and post to each other") {
    int sum = 0;  // touched by the first shard alone, which outlives the others
    run_sharded(4, [&](Shard shard) {
        for (int i = 1; i <= 100; ++i) {
            const int now = shard.runtime(0).call([&, i] { return sum += i; });
            CHECK(now >= i);
        }
        CHECK(shard.runtime(0).post([&] { sum += 1; }));
    });
    CHECK(sum == 4 * 5050 + 4);
}

TEST_CASE("the first exception stops the others, also what they had left running, and is thrown on") {
    for (const std::size_t thrower : {0, 2}) {
        CAPTURE(thrower);
        std::atomic<int> waiting{0};
        std::atomic<int> unwound{0};
        const auto wait_for_ever = [&] {
            const RaiseAtEnd at_end{unwound};
            ++waiting;
            grove::sleep({});
        };
        const auto main = [&](Shard shard) {
            spawn(wait_for_ever);  // no daemon: run() would wait for it
            if (shard.index() == thrower) {
                while (waiting < 4) grove::sleep(1ms);
                throw std::runtime_error{"this shard failed"};
            }
            if (shard.index() == 1) wait_for_ever();
        };
        CHECK_THROWS_WITH(run_sharded(3, main), "this shard failed");
        CHECK(unwound == 4);
    }
}

TEST_CASE("a shard that cannot begin is an exception, and f is called in none") {
    std::atomic<int> calls{0};
    const auto all = [&](Shard) { ++calls; };
    grove::run([&] { CHECK_THROWS_AS(run_sharded(3, all), std::logic_error); });
    CHECK(calls == 0);
}

TEST_CASE("a stop signal unwinds all shards, and ends the process") {
    for (const std::size_t signaller : {0, 1}) {
        const auto end = grove::testing::run_child([signaller] {
            static std::atomic<int> waiting{0};
            static std::atomic<int> unwound{0};
            run_sharded(3, [signaller](Shard shard) {
                struct Say {
                    ~Say() {
                        if (++unwound == 5) (void)::write(STDERR_FILENO, "all", 3);
                    }
                };
                auto wait_for_ever = [] {
                    const Say at_end;
                    ++waiting;
                    grove::sleep({});
                };
                spawn(wait_for_ever);
                if (shard.index() == signaller) {
                    while (waiting < 5) grove::sleep(1ms);
                    ::raise(SIGTERM);  // on whichever thread
                    grove::sleep({});
                }
                wait_for_ever();
            });
        });
        CHECK(end.signal == SIGTERM);
        CHECK(end.errors == "all");
    }
}

TEST_SUITE_END();
