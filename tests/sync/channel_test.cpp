#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/queue.hpp>

#include "support/grove_test.hpp"
#include "sync/blocking_call.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using grove::Channel;
using grove::Deadline;
using grove::ShutDown;
using grove::spawn;

static_assert(!std::is_copy_constructible_v<Channel<int>> && !std::is_move_constructible_v<Channel<int>>);

TEST_SUITE_BEGIN("sync/channel");

namespace {

struct GetAlone {
    bool wait(Deadline by) { return channel.get(by).has_value(); }
    void satisfy() { CHECK(channel.put_nowait(1)); }
    static constexpr bool is_remembered = false;
    Channel<int> channel;
};

struct PutAlone {
    bool wait(Deadline by) { return channel.put(1, by); }
    void satisfy() { CHECK(channel.get_nowait()); }
    static constexpr bool is_remembered = false;
    Channel<int> channel;
};

}  // namespace

GROVE_TEST("get keeps the promises of a blocking call") {
    grove::testing::check_blocking_call<GetAlone>();
}
GROVE_TEST("put keeps the promises of a blocking call") {
    grove::testing::check_blocking_call<PutAlone>();
}

GROVE_TEST("put returns when a get has taken the item") {
    Channel<std::unique_ptr<int>> channel;
    auto putter = spawn([&] { channel.put(std::make_unique<int>(7)); });
    grove::sleep(1ms);
    CHECK_FALSE(putter.ready());
    CHECK(*channel.get() == 7);
    putter.join();
}

GROVE_TEST("a channel never holds anything") {
    Channel<int> channel;
    CHECK(channel.empty());
    CHECK(channel.full());
    CHECK_FALSE(channel.put_nowait(1));
    CHECK_FALSE(channel.get_nowait());
    auto putter = spawn([&] { channel.put(1); });
    grove::yield();
    CHECK(channel.empty());
    CHECK(channel.full());
    CHECK(channel.qsize() == 0);
    CHECK(channel.get_nowait() == 1);
    CHECK_FALSE(channel.get_nowait());
    putter.join();
}

GROVE_TEST("putters and getters meet in the order they came") {
    Channel<int> channel;
    std::vector<grove::Greenlet<>> putters;
    for (int i = 0; i < 3; ++i) {
        putters.push_back(spawn([&, i] { channel.put(i); }));
        grove::yield();
    }
    for (int i = 0; i < 3; ++i) CHECK(channel.get() == i);
    grove::join_all(putters);

    std::vector<grove::Greenlet<int>> getters;
    for (int i = 0; i < 3; ++i) {
        getters.push_back(spawn([&] { return channel.get(); }));
        grove::yield();
    }
    for (int i = 0; i < 3; ++i) channel.put(i);
    for (int i = 0; i < 3; ++i) CHECK(getters[i].get() == i);
}

GROVE_TEST("a refused item is untouched") {
    Channel<std::unique_ptr<int>> channel;
    auto item = std::make_unique<int>(1);
    CHECK_FALSE(channel.put_nowait(std::move(item)));
    CHECK_FALSE(channel.put(std::move(item), 1ms));
    CHECK(*item == 1);  // NOLINT(bugprone-use-after-move): it stayed
}

GROVE_TEST("shutdown sends everyone away") {
    Channel<int> waited_at;
    auto getter = spawn([&] { return waited_at.get(); });
    grove::yield();
    waited_at.shutdown();
    CHECK(waited_at.is_shutdown());
    CHECK_THROWS_AS((void)getter.get(), ShutDown);

    Channel<int> offered_at;
    auto putter = spawn([&] { offered_at.put(1); });
    grove::yield();
    offered_at.shutdown(true);
    CHECK_THROWS_AS(putter.get(), ShutDown);
    CHECK_THROWS_AS((void)offered_at.get(), ShutDown);
    CHECK_THROWS_AS((void)offered_at.get_nowait(), ShutDown);
    CHECK_THROWS_AS(offered_at.put(1), ShutDown);
    CHECK_THROWS_AS((void)offered_at.put_nowait(1), ShutDown);
}

TEST_SUITE_END();
