#include <grove/core/gil.hpp>
#include <grove/core/runtime.hpp>

#include "support/grove_test.hpp"

#include <array>
#include <atomic>
#include <mutex>
#include <thread>

using namespace std::chrono_literals;
using grove::spawn;

namespace {

void compute_for(std::chrono::microseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < until) continue;
}

/// Two greenlets that never wait: each computes for a while, then lets the other run.
class Pair {
public:
    explicit Pair(std::chrono::microseconds each) {
        for (auto& greenlet : greenlets_) {
            greenlet = spawn([this, each] {
                for (;; ++turns_) {
                    compute_for(each);
                    grove::yield();
                }
            });
        }
    }
    ~Pair() {
        for (auto& greenlet : greenlets_) greenlet.kill();
        grove::join_all(greenlets_);
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    [[nodiscard]] int turns() const noexcept { return turns_; }

private:
    std::atomic<int> turns_{0};
    std::array<grove::Greenlet<>, 2> greenlets_;
};

}  // namespace

TEST_SUITE_BEGIN("core/fairness");

GROVE_TEST_REAL(
    "greenlets that compute and yield keep a sleeper waiting for some milliseconds, not for hundreds of "
    "turns") {
    const Pair pair{500us};
    grove::sleep(1ms);  // the hub has seen how long they take
    const int before = pair.turns();
    grove::sleep(1ms);
    CHECK(pair.turns() - before < 64);
}

GROVE_TEST_REAL("a native thread gets the Gil at the next switch after an interval") {
    grove::gil().set_switch_interval(1ms);
    const Pair pair{2ms};
    grove::yield();
    std::atomic<int> waited{-1};
    std::thread native{[&, here = grove::this_runtime()] {
        const int before = pair.turns();
        const std::scoped_lock held{here.gil()};
        waited = pair.turns() - before;
    }};
    while (waited < 0) grove::yield();
    native.join();
    CHECK(waited < 32);
}

TEST_SUITE_END();
