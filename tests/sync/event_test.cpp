#include <grove/core/gil.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/event.hpp>

#include "support/grove_test.hpp"
#include "sync/blocking_call.hpp"

#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;
using grove::AsyncResult;
using grove::Deadline;
using grove::Event;
using grove::spawn;

static_assert(!std::is_copy_constructible_v<Event> && !std::is_move_constructible_v<Event>);
static_assert(!std::is_copy_constructible_v<AsyncResult<int>> &&
              !std::is_move_constructible_v<AsyncResult<int>>);
static_assert(std::is_same_v<decltype(std::declval<const AsyncResult<int>&>().get()), const int&>);
static_assert(std::is_same_v<decltype(std::declval<AsyncResult<int>&&>().get()), int>);
static_assert(std::is_same_v<decltype(std::declval<const AsyncResult<int&>&>().get()), int&>);
static_assert(std::is_void_v<decltype(std::declval<const AsyncResult<>&>().get())>);

TEST_SUITE_BEGIN("sync/event");

namespace {

struct WaitForEvent {
    bool wait(Deadline by) { return event.wait(by); }
    void satisfy() { event.set(); }
    static constexpr bool is_remembered = true;
    Event event;
};

struct WaitForResult {
    bool wait(Deadline by) { return result.wait(by); }
    void satisfy() { result.set(1); }
    static constexpr bool is_remembered = true;
    AsyncResult<int> result;
};

struct Unlucky {
    Unlucky() { throw std::runtime_error{"no luck"}; }
};

}  // namespace

// --- Event ------------------------------------------------------------------------------------

GROVE_TEST("waiting for an event keeps the promises of a blocking call") {
    grove::testing::check_blocking_call<WaitForEvent>();
}

GROVE_TEST("an event stays set until it is cleared") {
    Event event;
    CHECK_FALSE(event.is_set());
    event.set();
    event.set();
    CHECK(event.is_set());
    event.wait();
    CHECK(event.wait(0ms));
    event.clear();
    CHECK_FALSE(event.is_set());
    CHECK_FALSE(event.wait(0ms));
}

GROVE_TEST("set wakes all who wait now, even if clear follows at once") {
    Event event;
    int woken = 0;
    std::vector<grove::Greenlet<>> waiters;
    for (int i = 0; i < 3; ++i) {
        waiters.push_back(spawn([&] { woken += event.wait(1h) ? 1 : 0; }));
    }
    grove::yield();

    event.set();
    event.clear();
    auto late = spawn([&] { event.wait(); });
    grove::join_all(waiters);

    CHECK(woken == 3);
    CHECK_FALSE(late.join(1s));  // who came after clear() waits for the next set()
    event.set();
    late.join();
}

GROVE_TEST_FIFO("an event wakes in order of arrival") {
    Event event;
    std::string order;
    std::vector<grove::Greenlet<>> waiters;
    for (const char name : {'1', '2', '3'}) {
        waiters.push_back(spawn([&, name] {
            event.wait();
            order += name;
        }));
    }
    grove::yield();
    event.set();
    grove::join_all(waiters);
    CHECK(order == "123");
}

GROVE_TEST("an event may end as soon as it was set") {
    auto event = std::make_unique<Event>();
    auto waiter = spawn([&event = *event] { event.wait(); });
    grove::yield();
    event->set();
    event.reset();
    waiter.join();
    CHECK(waiter.successful());
}

GROVE_TEST_REAL("a native thread under the Gil sets an event") {
    Event event;
    auto thread = spawn([&] {
        grove::offload([&] {
            const std::scoped_lock held{grove::gil()};
            CHECK_THROWS_AS(event.wait(), std::logic_error);
            event.set();
            event.wait();  // need not wait
        });
    });
    CHECK(event.wait(5s));
    thread.join();
}

// --- AsyncResult ------------------------------------------------------------------------------

GROVE_TEST("waiting for a result keeps the promises of a blocking call") {
    grove::testing::check_blocking_call<WaitForResult>();
}

GROVE_TEST("a result reaches all who wait for it, and who comes later") {
    AsyncResult<std::string> result;
    CHECK_FALSE(result.ready());
    auto first = spawn([&] { return result.get(); });
    auto second = spawn([&] { return result.get(); });
    grove::yield();

    result.set(3, 'x');

    CHECK(result.ready());
    CHECK(first.get() == "xxx");
    CHECK(second.get() == "xxx");
    CHECK(result.get() == "xxx");
    result.wait();
}

GROVE_TEST("an exception arrives as a result does") {
    AsyncResult<int> result;
    auto waiter = spawn([&] { return result.get(); });
    grove::yield();

    result.set_exception(std::make_exception_ptr(std::runtime_error{"too bad"}));

    CHECK(result.ready());
    CHECK(result.wait(0ms));
    CHECK_THROWS_WITH_AS(waiter.get(), "too bad", std::runtime_error);
    CHECK_THROWS_WITH_AS((void)result.get(), "too bad", std::runtime_error);
}

GROVE_TEST("a second result replaces the first") {
    AsyncResult<int> result;
    result.set(1);
    result.set(2);
    CHECK(result.get() == 2);
    result.set_exception(std::make_exception_ptr(std::runtime_error{""}));
    CHECK_THROWS_AS((void)result.get(), std::runtime_error);
    result.set(3);
    CHECK(result.get() == 3);
}

GROVE_TEST("a result may be move-only, a reference or nothing") {
    AsyncResult<std::unique_ptr<int>> pointer;
    pointer.set(std::make_unique<int>(7));
    CHECK(**&pointer.get() == 7);
    CHECK(*std::move(pointer).get() == 7);

    int variable = 1;
    AsyncResult<int&> reference;
    reference.set(variable);
    reference.get() = 2;
    CHECK(variable == 2);
    CHECK(&std::move(reference).get() == &variable);

    AsyncResult<> nothing;
    auto waiter = spawn([&] { nothing.get(); });
    grove::yield();
    nothing.set();
    waiter.get();
    CHECK(nothing.ready());
}

GROVE_TEST("a result whose construction throws does not arrive") {
    AsyncResult<Unlucky> result;
    CHECK_THROWS_AS(result.set(), std::runtime_error);
    CHECK_FALSE(result.ready());
    CHECK_FALSE(result.wait(1ms));
}

GROVE_TEST_REAL("a native thread under the Gil delivers a result") {
    AsyncResult<std::string> result;
    auto thread = spawn([&] {
        grove::offload([&] {
            std::string made = "from afar";
            const std::scoped_lock held{grove::gil()};
            result.set(std::move(made));
        });
    });
    CHECK(grove::with_timeout(5s, [&] { return result.get(); }) == "from afar");
    thread.join();
}

TEST_SUITE_END();
