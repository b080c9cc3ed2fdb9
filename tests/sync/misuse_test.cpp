// What a caller must not do: asserted in debug and sanitizer builds, and std::logic_error where documented.

#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/sync/barrier.hpp>
#include <grove/sync/event.hpp>
#include <grove/sync/group.hpp>
#include <grove/sync/lock.hpp>
#include <grove/sync/queue.hpp>
#include <grove/sync/rw_lock.hpp>
#include <grove/sync/semaphore.hpp>

#include "support/child_process.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

TEST_SUITE_BEGIN("sync/misuse");

TEST_CASE("waiting for a greenlet primitive needs a greenlet, and what need not wait does not") {
    grove::Event event;
    grove::AsyncResult<int> result;
    grove::Semaphore permits{0};
    grove::Lock lock;
    grove::Queue<int> queue{1};
    grove::Channel<int> channel;
    grove::Barrier barrier{2};
    CHECK_THROWS_AS(event.wait(), std::logic_error);
    CHECK_THROWS_AS((void)result.get(), std::logic_error);
    CHECK_THROWS_AS(permits.acquire(), std::logic_error);
    CHECK_THROWS_AS((void)queue.get(), std::logic_error);
    CHECK_THROWS_AS(channel.put(1), std::logic_error);
    CHECK_THROWS_AS(barrier.wait(), std::logic_error);
    CHECK_FALSE(barrier.broken());  // nobody was there

    event.set();
    event.wait();
    result.set(1);
    CHECK(result.get() == 1);
    permits.release();
    permits.acquire();
    const std::scoped_lock held{lock};
    queue.put(1);
    CHECK_THROWS_AS(queue.put(2), std::logic_error);
    CHECK(queue.get() == 1);
}

#if defined(GROVE_ASSERTS)

namespace {

/// f, the main greenlet of a process of its own, ends that with this sentence.
bool dies(const std::string& sentence, void (*f)()) {
    const auto end = grove::testing::run_child([f] { grove::run(f); });
    return end.signal == SIGABRT && end.errors.find(sentence) != std::string::npos;
}

/// Destroys it while a greenlet waits for it.
template <class Primitive, class... Args>
void destroy_waited_for(void (*wait)(Primitive&), Args... args) {
    auto primitive = std::make_unique<Primitive>(args...);
    grove::spawn([&waited = *primitive, wait] { wait(waited); });
    grove::yield();
    primitive.reset();
}

}  // namespace

TEST_CASE("a lock is unlocked by its owner, not locked twice, and not destroyed while held") {
    CHECK(dies("a Lock is unlocked by another than its owner", [] {
        grove::Lock lock;
        lock.lock();
        grove::spawn([&] { lock.unlock(); }).join();
    }));
    CHECK(dies("a greenlet locks a Lock that it holds", [] {
        grove::Lock lock;
        lock.lock();
        lock.lock();
    }));
    CHECK(dies("a Lock is destroyed while it is held", [] {
        grove::Lock lock;
        lock.lock();
    }));
    CHECK(dies("an RLock is unlocked by another than its owner", [] {
        grove::RLock lock;
        lock.unlock();
    }));
    CHECK(dies("a greenlet locks an RWLock that it holds", [] {
        grove::RWLock lock;
        lock.lock();
        lock.lock_shared();
    }));
    CHECK(dies("an RWLock is unlocked that nobody reads", [] {
        grove::RWLock lock;
        lock.unlock_shared();
    }));
}

TEST_CASE("a condition is waited for with the lock held") {
    CHECK(dies("Condition::wait needs the lock held", [] {
        grove::Lock lock;
        grove::Condition condition;
        std::unique_lock held{lock, std::defer_lock};
        condition.wait(held);
    }));
}

TEST_CASE("nothing is destroyed while greenlets wait for it") {
    const char* const sentence = "a WaitList is destroyed while greenlets wait in it";
    CHECK(dies(sentence, [] { destroy_waited_for<grove::Event>([](auto& event) { event.wait(); }); }));
    CHECK(dies(sentence,
               [] { destroy_waited_for<grove::Semaphore>([](auto& permits) { permits.acquire(); }, 0); }));
    CHECK(dies(sentence,
               [] { destroy_waited_for<grove::Queue<int>>([](auto& queue) { (void)queue.get(); }); }));
    CHECK(
        dies(sentence, [] { destroy_waited_for<grove::Barrier>([](auto& barrier) { barrier.wait(); }, 2); }));
}

TEST_CASE("sizes and exceptions are not nothing") {
    CHECK(dies("a Pool needs at least one place", [] { grove::Pool{0}; }));
    CHECK(dies("a Barrier needs at least one party", [] { grove::Barrier{0}; }));
    CHECK(dies("was given no exception", [] {
        grove::AsyncResult<int> result;
        result.set_exception(nullptr);
    }));
}

TEST_CASE("an item's move must not block where another waits for it") {
    struct Sleepy {
        Sleepy() = default;
        Sleepy(Sleepy&&) { grove::yield(); }
        Sleepy& operator=(Sleepy&&) = delete;
        ~Sleepy() = default;
    };
    CHECK(dies("a blocking call inside a NoSwitch scope", [] {
        grove::Channel<Sleepy> channel;
        grove::spawn([&] { channel.put({}); });
        grove::yield();
        (void)channel.get_nowait();
    }));
}

TEST_CASE("one thing is waited for, and made true, by one runtime") {
    CHECK(dies("greenlets of two runtimes wait for the same thing", [] {
        static grove::Event event;
        grove::spawn([] { event.wait(); });
        grove::yield();
        std::thread{[] { grove::run([] { event.wait(); }); }}.join();
    }));
    CHECK(dies("a greenlet is woken by a thread that has not its Gil", [] {
        static grove::Event event;
        grove::spawn([] { event.wait(); });
        grove::yield();
        std::thread{[] { event.set(); }}.join();
    }));
}

#endif

TEST_SUITE_END();
