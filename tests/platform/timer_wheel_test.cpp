#include "platform/timer_wheel.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using grove::Clock;
using grove::detail::Timer;
using grove::detail::TimerWheel;

namespace {

using Time = Clock::time_point;

constexpr Time start{1'000'000s};  // not a whole number of ticks, as a real clock's
constexpr auto tick = std::chrono::nanoseconds{1 << 20};

/// Notes in `fired` that it did.
struct Noting : Timer {
    Noting(std::vector<int>& into, int with_name) noexcept
        : Timer{[](Timer& timer) noexcept {
              auto& self = static_cast<Noting&>(timer);
              self.fired.push_back(self.name);
          }},
          fired{into},
          name{with_name} {}

    std::vector<int>& fired;
    int name;
};

/// A sleeper that jumps from next() to next(). Returns where the first timer fired; counts the jumps.
Time jump_until_something_fires(TimerWheel& wheel, const std::vector<int>& fired, int& jumps) {
    for (;;) {
        const Time now = wheel.next();
        ++jumps;
        wheel.fire_due(now);
        if (!fired.empty() || jumps > 1000) return now;
    }
}

}  // namespace

TEST_SUITE_BEGIN("platform/timer_wheel");

TEST_CASE("a timer fires at its time, to the nanosecond, and once") {
    std::vector<int> fired;
    TimerWheel wheel{start};
    Noting timer{fired, 1};
    wheel.add(timer, start + 50ms);

    wheel.fire_due(start + 50ms - 1ns);
    CHECK(fired.empty());
    CHECK(timer.armed());

    wheel.fire_due(start + 50ms);
    CHECK(fired == std::vector{1});
    CHECK_FALSE(timer.armed());
    CHECK(wheel.size() == 0);

    wheel.fire_due(start + 1h);
    CHECK(fired.size() == 1);
}

TEST_CASE("timers of one tick fire in order of time, equal ones in order of arming") {
    std::vector<int> fired;
    TimerWheel wheel{start};
    Noting third{fired, 3}, first{fired, 1}, fourth{fired, 4}, second{fired, 2};
    wheel.add(third, start + 10ms + 2ns);
    wheel.add(first, start + 10ms);
    wheel.add(fourth, start + 10ms + 2ns);
    wheel.add(second, start + 10ms + 1ns);

    wheel.fire_due(start + 10ms + 1ns);
    CHECK(fired == std::vector{1, 2});
    wheel.fire_due(start + 20ms);
    CHECK(fired == std::vector{1, 2, 3, 4});
}

TEST_CASE("timers of all levels fire in order after one long sleep") {
    std::vector<int> fired;
    TimerWheel wheel{start};
    std::vector<std::unique_ptr<Noting>> timers;
    timers.reserve(42);
    for (int name = 0; name < 42; ++name) timers.push_back(std::make_unique<Noting>(fired, name));
    for (int name = 41; name >= 0; --name)
        wheel.add(*timers[name], start + std::chrono::nanoseconds{1LL << (name + 20)});

    wheel.fire_due(Time::max());

    CHECK(fired.size() == 42);
    CHECK(std::is_sorted(fired.begin(), fired.end()));
}

TEST_CASE("a time that has passed is due at once, however long ago it was") {
    std::vector<int> fired;
    TimerWheel wheel{start};
    Noting recent{fired, 2}, ancient{fired, 1};
    wheel.add(recent, start - 1ns);
    wheel.add(ancient, Time::min());

    CHECK(wheel.next() == Time::min());
    wheel.fire_due(start);

    CHECK(fired == std::vector{1, 2});
}

TEST_CASE("the last time there is can be waited for") {
    std::vector<int> fired;
    TimerWheel wheel{Time{}};
    Noting last{fired, 1};
    wheel.add(last, Time::max());

    wheel.fire_due(Time::max() - 1ns);
    CHECK(fired.empty());
    wheel.fire_due(Time::max());
    CHECK(fired == std::vector{1});
}

TEST_CASE("a clock that goes back fires nothing twice and nothing early") {
    std::vector<int> fired;
    TimerWheel wheel{start};
    Noting timer{fired, 1};
    wheel.fire_due(start + 1h);
    wheel.fire_due(start);
    wheel.add(timer, start + 1min);

    wheel.fire_due(start + 1min - 1ns);
    CHECK(fired.empty());
    wheel.fire_due(start + 1min);
    CHECK(fired == std::vector{1});
}

TEST_CASE("a cancelled timer does not fire, cancelling again does nothing, and it can be armed again") {
    std::vector<int> fired;
    TimerWheel wheel{start};
    Noting timer{fired, 1};
    wheel.cancel(timer);
    for (const auto delay : {0ns, 1ns, 5'000'000ns, 5'000'000'000ns}) {
        wheel.add(timer, start + delay);
        wheel.cancel(timer);
        wheel.cancel(timer);
        CHECK_FALSE(timer.armed());
    }
    CHECK(wheel.size() == 0);
    CHECK(wheel.next() == Time::max());

    wheel.add(timer, start + 1s);
    wheel.fire_due(start + 10s);

    CHECK(fired == std::vector{1});
}

// --- callbacks that touch the wheel ---------------------------------------------------------------

TEST_CASE("a callback may cancel another timer that is due") {
    struct Canceller : Timer {
        Canceller(TimerWheel& w, Timer& v) noexcept
            : Timer{[](Timer& timer) noexcept {
                  auto& self = static_cast<Canceller&>(timer);
                  self.wheel.cancel(self.victim);
              }},
              wheel{w},
              victim{v} {}
        TimerWheel& wheel;
        Timer& victim;
    };
    std::vector<int> fired;
    TimerWheel wheel{start};
    Noting victim{fired, 1}, bystander{fired, 2};
    Canceller canceller{wheel, victim};
    wheel.add(canceller, start + 1ms);
    wheel.add(victim, start + 1ms);
    wheel.add(bystander, start + 1ms);

    wheel.fire_due(start + 1s);

    CHECK(fired == std::vector{2});
}

TEST_CASE("a callback may arm its timer again; one that is due already fires in the same call") {
    struct Repeating : Timer {
        explicit Repeating(TimerWheel& w) noexcept
            : Timer{[](Timer& timer) noexcept {
                  auto& self = static_cast<Repeating&>(timer);
                  ++self.count;
                  self.wheel.add(self, self.at + 10ms);
              }},
              wheel{w} {}
        TimerWheel& wheel;
        int count = 0;
    };
    TimerWheel wheel{start};
    Repeating timer{wheel};
    wheel.add(timer, start + 10ms);

    wheel.fire_due(start + 95ms);

    CHECK(timer.count == 9);
    CHECK(timer.at == start + 100ms);
    CHECK(wheel.next() == start + 100ms);
}

TEST_CASE("a callback may destroy its timer") {
    struct Owned : Timer {
        explicit Owned(std::unique_ptr<Owned>& o) noexcept
            : Timer{[](Timer& timer) noexcept { static_cast<Owned&>(timer).owner.reset(); }}, owner{o} {}
        std::unique_ptr<Owned>& owner;
    };
    TimerWheel wheel{start};
    std::array<std::unique_ptr<Owned>, 3> owners;
    for (auto& owner : owners) {
        owner = std::make_unique<Owned>(owner);
        wheel.add(*owner, start + 1ms);
    }

    wheel.fire_due(start + 1ms);

    CHECK(std::all_of(owners.begin(), owners.end(), [](auto& owner) { return owner == nullptr; }));
    CHECK(wheel.size() == 0);
}

// --- next() -----------------------------------------------------------------------------------

TEST_CASE("next() is the earliest timer, also of those that share a tick, and max() when there is none") {
    std::vector<int> fired;
    TimerWheel wheel{start};
    CHECK(wheel.next() == Time::max());

    Noting late{fired, 1}, early{fired, 2};
    wheel.add(late, start + 5 * tick + 7ns);
    wheel.add(early, start + 5 * tick + 3ns);
    CHECK(wheel.next() == start + 5 * tick + 3ns);

    wheel.fire_due(start + 5 * tick + 5ns);
    CHECK(fired == std::vector{2});
    CHECK(wheel.next() == start + 5 * tick + 7ns);
}

TEST_CASE("a clock that jumps to next() comes to any timer in one jump") {
    for (const auto delay :
         std::initializer_list<Clock::duration>{0ns, 1ns, 1ms, 50ms, 70ms, 30s, 24h, 24h * 36500}) {
        std::vector<int> fired;
        TimerWheel wheel{start};
        Noting timer{fired, 1};
        wheel.add(timer, start + delay);

        int jumps = 0;
        CHECK(jump_until_something_fires(wheel, fired, jumps) == start + delay);
        CHECK(jumps == 1);
    }
}

TEST_CASE("a cancelled timer costs a clock that jumps to next() at most one jump more") {
    std::vector<int> fired;
    TimerWheel wheel{start};
    Noting cancelled{fired, 1}, timer{fired, 2};
    wheel.add(timer, start + 24h + 2h);
    wheel.add(cancelled, start + 24h + 1h);
    wheel.cancel(cancelled);

    int jumps = 0;
    CHECK(jump_until_something_fires(wheel, fired, jumps) == start + 26h);
    CHECK(jumps <= 2);
}

// --- against a model ------------------------------------------------------------------------------

namespace {

/// What a wheel should do, done with an ordered map.
class Model {
public:
    explicit Model(std::uint64_t seed) : random_{seed} {
        for (int name = 0; name < 200; ++name) timers_.push_back(std::make_unique<Noting>(fired_, name));
    }

    /// One random thing, and whether the wheel and the map agree after it.
    bool step() {
        Noting& timer = *timers_[random_() % timers_.size()];
        switch (random_() % 8) {
            case 0:
                advance(now_ + delay());
                break;
            case 1:
                advance(wheel_.next());
                break;
            case 2:
                cancel(timer);
                break;
            default:
                cancel(timer);
                add(timer);
        }
        const Time earliest = expected_.empty() ? Time::max() : expected_.begin()->first.first;
        return agrees_ && wheel_.size() == expected_.size() && wheel_.next() <= earliest &&
               (wheel_.next() == Time::max()) == expected_.empty();
    }

private:
    // Of every magnitude, each as likely; sometimes a round number, so that timers share a tick or a time.
    Clock::duration delay() {
        const auto bits = random_() % 58;
        const auto nanoseconds = static_cast<std::int64_t>(random_() & ((std::uint64_t{1} << bits) - 1));
        return std::chrono::nanoseconds{random_() % 2 ? nanoseconds : nanoseconds >> 22 << 22};
    }

    void add(Noting& timer) {
        const Time at = now_ + delay() - (random_() % 16 == 0 ? 1ms : 0ms);
        wheel_.add(timer, at);
        expected_.emplace(std::pair{at, ++order_}, timer.name);
    }

    void cancel(Noting& timer) {
        wheel_.cancel(timer);
        std::erase_if(expected_, [&](const auto& entry) { return entry.second == timer.name; });
    }

    // Never past half of time, so that the sums above stay in it.
    void advance(Time to) {
        const Time before_any = wheel_.next();
        now_ = std::max(now_, std::min(to, Time{Clock::duration::max() / 2}));
        fired_.clear();
        wheel_.fire_due(now_);

        std::vector<int> due;
        while (!expected_.empty() && expected_.begin()->first.first <= now_) {
            due.push_back(expected_.begin()->second);
            expected_.erase(expected_.begin());
        }
        const bool moved_on = wheel_.next() > before_any || before_any > now_ || before_any == Time::max();
        agrees_ = fired_ == due && (!due.empty() || moved_on);
    }

    std::mt19937_64 random_;
    TimerWheel wheel_{start};
    Time now_ = start;
    std::vector<int> fired_;
    std::vector<std::unique_ptr<Noting>> timers_;
    std::map<std::pair<Time, std::uint64_t>, int> expected_;
    std::uint64_t order_ = 0;
    bool agrees_ = true;
};

}  // namespace

TEST_CASE("random timers of every magnitude do what an ordered map does") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        CAPTURE(seed);
        Model model{seed};
        int agreed = 0;
        while (agreed < 1000 && model.step()) ++agreed;
        REQUIRE(agreed == 1000);
    }
}

TEST_SUITE_END();
