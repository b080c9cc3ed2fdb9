#pragma once

#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>

#include "support/grove_test.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

namespace grove::testing {

/// What happens in a storm is drawn from a seed: the same seed, the same storm.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : random_{seed} {}

    /// 0..sides-1
    int roll(int sides) { return std::uniform_int_distribution{0, sides - 1}(random_); }
    bool one_in(int sides) { return roll(sides) == 0; }
    Clock::duration moment() { return std::chrono::microseconds{roll(2000)}; }

    /// A pause of some kind, or none.
    void pause() {
        switch (roll(4)) {
            case 0:
                return sleep(moment());
            case 1:
                return yield();
            default:
                return;
        }
    }

private:
    std::mt19937_64 random_;
};

inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// Drives many greenlets through `Subject::step(Dice&)` again and again, lets time-outs expire around the
/// steps and kills greenlets, also in the turn in which they were notified. When all have ended,
/// `Subject::is_whole()` must hold. GROVE_STORM_SEEDS says how many seeds, GROVE_STORM_SEED chooses one,
/// GROVE_STORM_SIZE says how many greenlets.
template <class Subject>
void storm() {
    const std::uint64_t chosen = number_from_environment("GROVE_STORM_SEED", 0);
    const std::uint64_t first = chosen != 0 ? chosen : 1;
    const std::uint64_t last = chosen != 0 ? chosen : number_from_environment("GROVE_STORM_SEEDS", 3);
    const auto size = static_cast<int>(number_from_environment("GROVE_STORM_SIZE", 1000));
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        INFO("again with GROVE_STORM_SEED=", seed, " GROVE_STORM_SIZE=", size, " and the same GROVE_SHUFFLE");
        Dice dice{seed};
        Subject subject;
        std::vector<Greenlet<>> greenlets;
        for (int i = 0; i < size; ++i) {
            greenlets.push_back(spawn([&] {
                for (int steps = 0; steps < 20; ++steps) {
                    const auto step = [&] { subject.step(dice); };
                    if (dice.one_in(3)) {
                        (void)try_with_timeout(dice.moment(), step);
                    } else {
                        step();
                    }
                    dice.pause();
                }
            }));
        }
        for (int kills = 0; kills < size / 2; ++kills) {
            greenlets[static_cast<std::size_t>(dice.roll(size))].kill();
            dice.pause();
        }
        sleep(std::chrono::seconds{1});
        kill_all(greenlets);
        join_all(greenlets);

        std::size_t failed = 0;
        for (const auto& greenlet : greenlets) failed += greenlet.successful() ? 0 : 1;
        CHECK(failed == 0);
        CHECK(subject.is_whole());
    }
}

}  // namespace grove::testing
