// Items that misbehave: moves, comparisons and destructors that throw or use the queue.

#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/sync/queue.hpp>

#include "support/grove_test.hpp"

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

using namespace std::chrono_literals;
using grove::Channel;
using grove::PriorityQueue;
using grove::Queue;
using grove::ShutDown;
using grove::spawn;

TEST_SUITE_BEGIN("sync/queue_items");

namespace {

/// Moves as often as it may, then throws, and is what it was.
class Delicate {
public:
    explicit Delicate(int name, int moves_left = 1000) : name_{name}, moves_left_{moves_left} {}
    // NOLINTNEXTLINE(performance-noexcept-move-constructor)
    Delicate(Delicate&& other) : name_{other.name_}, moves_left_{other.moves_left_ - 1} {
        if (other.moves_left_ == 0) throw std::runtime_error{"cannot move"};
        other.name_ = 0;
    }
    ~Delicate() = default;
    Delicate& operator=(Delicate&&) = delete;

    [[nodiscard]] int name() const { return name_; }
    void allow(int moves) { moves_left_ = moves; }

private:
    int name_;
    int moves_left_;
};

/// Does something when it is moved, or destroyed after that.
class Busy {
public:
    using Deed = std::function<void()>;

    explicit Busy(int name, Deed when_moved = {}) : name_{name}, when_moved_{std::move(when_moved)} {}
    // NOLINTNEXTLINE(performance-noexcept-move-constructor)
    Busy(Busy&& other) : name_{other.name_} {
        if (Deed deed = std::exchange(other.when_moved_, {})) deed();
    }
    Busy& operator=(Busy&&) = delete;
    ~Busy() = default;

    [[nodiscard]] int name() const { return name_; }

private:
    int name_;
    Deed when_moved_;
};

/// Throws from its destructor, once, wherever it was moved to before.
class Bomb {
public:
    explicit Bomb(bool armed) : armed_{armed} {}
    Bomb(Bomb&& other) noexcept : armed_{other.armed_} {}  // both are armed
    Bomb& operator=(Bomb&&) = delete;
    ~Bomb() noexcept(false) {
        if (std::exchange(armed_, false) && std::uncaught_exceptions() == 0) throw std::runtime_error{"boom"};
    }
    void disarm() { armed_ = false; }

private:
    bool armed_;
};

/// Compares by key; tells `asked` first.
struct Compared {
    int key;
    int name = 0;
};
std::function<void()> asked;
struct AskingLess {
    bool operator()(const Compared& a, const Compared& b) const {
        if (asked) asked();
        return a.key < b.key;
    }
};
using AskingQueue = PriorityQueue<Compared, AskingLess>;

struct ResetAsked {
    ~ResetAsked() { asked = nullptr; }
};

}  // namespace

// --- moves that throw -------------------------------------------------------------------------

GROVE_TEST("a move that throws while putting goes to the putter, and nothing is put") {
    Queue<Delicate> queue{1};
    CHECK_THROWS_WITH_AS((void)queue.put_nowait(Delicate{1, 0}), "cannot move", std::runtime_error);
    CHECK(queue.empty());
    CHECK(queue.unfinished_tasks() == 0);
    CHECK(queue.put_nowait(Delicate{2}));  // its place is free
    CHECK(queue.get().name() == 2);
}

GROVE_TEST("a move that throws while putting leaves the waiting getter in its place") {
    Queue<Delicate> queue;
    auto getter = spawn([&] { return queue.get().name(); });
    grove::yield();
    auto next = spawn([&] { return queue.get().name(); });
    grove::yield();
    CHECK_THROWS_AS((void)queue.put_nowait(Delicate{1, 0}), std::runtime_error);
    CHECK(queue.put_nowait(Delicate{2}));
    CHECK(queue.put_nowait(Delicate{3}));
    CHECK(getter.get() == 2);
    CHECK(next.get() == 3);
}

GROVE_TEST("a move that throws when a waiting putter's turn comes goes to that putter") {
    Queue<Delicate> queue{1};
    queue.put(Delicate{1});
    auto unlucky = spawn([&] {
        Delicate item{2, 0};
        (void)queue.put(std::move(item), {});
    });
    grove::yield();
    auto lucky = spawn([&] { queue.put(Delicate{3}); });
    grove::yield();

    CHECK(queue.get().name() == 1);  // not the getter's concern

    CHECK_THROWS_WITH_AS(unlucky.get(), "cannot move", std::runtime_error);
    lucky.join();
    CHECK(queue.get().name() == 3);
    CHECK(queue.empty());
}

GROVE_TEST("a move that throws while taking goes to the getter, and the item stays first") {
    Queue<Delicate> queue;
    queue.put(Delicate{1});
    queue.put(Delicate{2});
    const_cast<Delicate*>(queue.peek())->allow(0);
    CHECK_THROWS_WITH_AS((void)queue.get(), "cannot move", std::runtime_error);
    CHECK_THROWS_AS((void)queue.get_nowait(), std::runtime_error);
    CHECK_THROWS_AS((void)queue.get(1ms), std::runtime_error);
    CHECK(queue.qsize() == 2);
    const_cast<Delicate*>(queue.peek())->allow(1);
    CHECK(queue.get_nowait()->name() == 1);
    CHECK(queue.get().name() == 2);
}

GROVE_TEST("an item that a getter failed to take goes to the next getter") {
    Queue<Delicate> queue;
    auto first = spawn([&] { return queue.get().name(); });
    grove::yield();
    auto second = spawn([&] { return queue.get().name(); });
    grove::yield();
    CHECK(queue.put_nowait(Delicate{1, 1}));  // one move takes it in, none out
    CHECK_THROWS_AS((void)first.get(), std::runtime_error);
    CHECK_THROWS_AS((void)second.get(), std::runtime_error);
    CHECK(queue.qsize() == 1);
    const_cast<Delicate*>(queue.peek())->allow(1);
    CHECK(queue.get().name() == 1);
}

GROVE_TEST("a priority queue keeps an item that could not be taken") {
    struct ByName {
        bool operator()(const Delicate& a, const Delicate& b) const { return a.name() < b.name(); }
    };
    PriorityQueue<Delicate, ByName> queue;
    queue.put(Delicate{2});
    queue.put(Delicate{1});
    const_cast<Delicate*>(queue.peek())->allow(0);
    CHECK_THROWS_AS((void)queue.get(), std::runtime_error);
    CHECK(queue.qsize() == 2);
    const_cast<Delicate*>(queue.peek())->allow(1);
    CHECK(queue.get().name() == 1);
    CHECK(queue.get().name() == 2);
}

GROVE_TEST("a channel hands an exception to the side whose move threw") {
    Channel<Delicate> channel;
    auto putter = spawn([&] {
        Delicate item{1, 0};
        (void)channel.put(std::move(item), {});
    });
    grove::yield();
    CHECK_FALSE(channel.get_nowait());  // what there was could not be moved in
    CHECK_THROWS_AS(putter.get(), std::runtime_error);
}

GROVE_TEST("an item refused is untouched") {
    Queue<std::unique_ptr<int>> queue{1};
    queue.put(nullptr);
    auto item = std::make_unique<int>(1);
    CHECK_FALSE(queue.put_nowait(std::move(item)));
    CHECK_FALSE(queue.put(std::move(item), 1ms));
    REQUIRE(item);
    CHECK_FALSE(grove::try_with_timeout(1ms, [&] { (void)queue.put(std::move(item), {}); }));
    CHECK(item);
    queue.shutdown();
    CHECK_THROWS_AS((void)queue.put_nowait(std::move(item)), ShutDown);
    CHECK(item);
}

// --- moves that use the queue -----------------------------------------------------------------

GROVE_TEST("a move may put another item, which finds its own place") {
    Queue<Busy> queue{2};
    CHECK(queue.put_nowait(Busy{1, [&] {
                                    CHECK(queue.put_nowait(Busy{2}));
                                    CHECK_FALSE(queue.put_nowait(Busy{3}));  // the place of 1 is taken
                                }}));
    CHECK(queue.qsize() == 2);
    CHECK(queue.get().name() == 2);
    CHECK(queue.get().name() == 1);
}

GROVE_TEST("a move may put to the getter that waits, and its own item goes to the next") {
    Queue<Busy> queue;
    auto first = spawn([&] { return queue.get().name(); });
    grove::yield();
    auto second = spawn([&] { return queue.get().name(); });
    grove::yield();
    CHECK(queue.put_nowait(Busy{1, [&] { CHECK(queue.put_nowait(Busy{2})); }}));
    CHECK(first.get() == 2);
    CHECK(second.get() == 1);
}

GROVE_TEST("a move may take from the queue it leaves, or shut down the queue it enters") {
    Queue<Busy> queue;
    queue.put(Busy{0});
    CHECK(queue.put_nowait(Busy{1, [&] { CHECK(queue.get_nowait()->name() == 0); }}));
    CHECK_THROWS_AS((void)queue.put_nowait(Busy{2, [&] { queue.shutdown(true); }}), ShutDown);
    CHECK(queue.empty());
    CHECK(queue.unfinished_tasks() == 1);  // 0 was taken, not done
}

// --- comparisons ------------------------------------------------------------------------------

GROVE_TEST("a comparison that throws goes to who asked for it, and the heap stays whole") {
    const ResetAsked reset;
    AskingQueue queue;
    for (const int key : {5, 3, 8, 1}) queue.put({key});

    asked = [] { throw std::runtime_error{"incomparable"}; };
    CHECK_THROWS_AS(queue.put({2}), std::runtime_error);
    CHECK_THROWS_AS((void)queue.get(), std::runtime_error);
    CHECK(queue.qsize() == 4);
    CHECK(queue.unfinished_tasks() == 4);

    asked = nullptr;
    for (const int key : {1, 3, 5, 8}) CHECK(queue.get().key == key);
}

GROVE_TEST("a comparison may put and take") {
    const ResetAsked reset;
    AskingQueue queue;
    for (const int key : {40, 30, 20, 10}) queue.put({key});

    int more = 3;
    asked = [&] {
        if (more > 0) queue.put({more--});
    };
    queue.put({25});
    CHECK(more == 0);
    CHECK(queue.qsize() == 8);

    int taken = 0;
    asked = [&] {
        if (taken == 0) {
            taken = 1;
            taken = queue.get().key;
        }
    };
    CHECK(queue.get().key == 2);
    CHECK(taken == 1);
    asked = nullptr;
    for (const int key : {3, 10, 20, 25, 30, 40}) CHECK(queue.get().key == key);
}

GROVE_TEST("a comparison may take all there is") {
    const ResetAsked reset;
    AskingQueue queue;
    for (const int key : {3, 2, 1}) queue.put({key});
    bool once = true;
    asked = [&] {
        if (!std::exchange(once, false)) return;
        while (queue.get_nowait()) {
        }
    };
    CHECK_FALSE(queue.get_nowait());
    CHECK(queue.empty());
    queue.put({1});
    CHECK(queue.get().key == 1);
}

// --- destructors ------------------------------------------------------------------------------

GROVE_TEST("a destructor that throws while taking goes to the getter, and the queue stays whole") {
    Queue<Bomb> queue{1};
    {
        Bomb bomb{true};
        CHECK(queue.put_nowait(std::move(bomb)));
        bomb.disarm();  // NOLINT(bugprone-use-after-move): what it left behind
    }
    CHECK_THROWS_WITH_AS((void)queue.get(), "boom", std::runtime_error);
    CHECK(queue.empty());
    CHECK(queue.put_nowait(Bomb{false}));
    (void)queue.get();
}

GROVE_TEST("a destructor that throws in an immediate shutdown does not keep the rest") {
    Queue<Bomb> queue;
    for (const bool armed : {false, true, false}) {
        Bomb bomb{armed};
        CHECK(queue.put_nowait(std::move(bomb)));
        bomb.disarm();  // NOLINT(bugprone-use-after-move): what it left behind
    }
    CHECK_THROWS_WITH_AS(queue.shutdown(true), "boom", std::runtime_error);
    CHECK(queue.empty());
    CHECK(queue.unfinished_tasks() == 0);
}

GROVE_TEST("a destructor may use the queue") {
    struct Last {
        std::function<void()> deed;
        explicit Last(std::function<void()> d) : deed{std::move(d)} {}
        Last(Last&& other) noexcept : deed{std::exchange(other.deed, {})} {}
        Last& operator=(Last&&) = delete;
        ~Last() {
            if (deed) deed();
        }
    };
    int sizes = -1;
    Queue<Last> queue;
    queue.put(Last{[&] { sizes = static_cast<int>(queue.qsize()); }});
    queue.put(Last{{}});
    queue.shutdown(true);
    CHECK(sizes == 0);
}

TEST_SUITE_END();
