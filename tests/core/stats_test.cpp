#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/stats.hpp>

#include "support/grove_test.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

using namespace std::chrono_literals;

namespace {

/// What is known of the greenlets spawned in that line of this file.
grove::SpawnSiteStats site_at(unsigned line) {
    const auto all = grove::stats().sites;
    const auto found = std::ranges::find(all, line, [](const auto& s) { return s.site.line; });
    REQUIRE(found != all.end());
    return *found;
}

}  // namespace

GROVE_TEST("greenlets, switches and turns are counted") {
    const auto before = grove::stats();
    auto g = grove::spawn([] { grove::sleep({}); });
    grove::yield();
    const auto after = grove::stats();
    CHECK(after.greenlets == before.greenlets + 1);
    CHECK(after.switches > before.switches);
    CHECK(after.turns > before.turns);
    g.kill();
    g.join();
    CHECK(grove::stats().greenlets == before.greenlets);
}

GROVE_TEST_REAL("the loop that runs is named") {
    const char* const wish = std::getenv("GROVE_POLLER");
    CHECK(grove::stats().poller == (wish ? wish : "epoll"));
}

GROVE_TEST_REAL("how long jobs wait for a thread is counted") {
    grove::offload([] {});
    grove::offload([] {});
    const auto offload = grove::stats().offload;
    CHECK(offload.count == 2);
    CHECK(offload.longest > 0ns);
    CHECK(offload.total >= offload.longest);
}

GROVE_TEST_REAL("while profiling, runs and delays are counted where greenlets were spawned") {
    grove::set_profiling(true);
    const unsigned line = __LINE__ + 1;
    auto busy = grove::spawn([] {
        for (int i = 0; i < 3; ++i) {
            const auto until = grove::Clock::now() + 200us;
            while (grove::Clock::now() < until) {
            }
            grove::yield();
        }
        grove::offload([] {});
    });
    const unsigned patient_line = __LINE__ + 1;
    auto patient = grove::spawn([] {});
    busy.join();
    patient.join();
    const auto seen = site_at(line);
    CHECK(seen.ready.count == 5);  // began, yielded three times, came back from the pool
    CHECK(seen.ran >= 600us);
    CHECK(seen.longest_run >= 200us);
    CHECK(seen.longest_run < seen.ran);
    CHECK(seen.offload.count == 1);
    CHECK(site_at(patient_line).ready.longest >= 200us);  // it was ready while the first one computed
    CHECK(grove::stats().sites.front().site.line == line);
}

GROVE_TEST("profiling begins at zero, and forgets when it is switched off") {
    CHECK(grove::stats().sites.empty());
    grove::set_profiling(true);
    const unsigned line = __LINE__ + 1;
    grove::spawn([] { grove::yield(); }).join();
    CHECK(site_at(line).ready.count == 2);
    grove::set_profiling(true);
    grove::yield();
    for (const auto& each : grove::stats().sites) CHECK(each.site.line != line);
    grove::set_profiling(false);
    CHECK(grove::stats().sites.empty());
    grove::spawn([] { grove::yield(); }).join();
    CHECK(grove::stats().sites.empty());
}

TEST_CASE("without a runtime there is nothing to count") {
    CHECK_THROWS_AS((void)grove::stats(), std::logic_error);
    CHECK_THROWS_AS(grove::set_profiling(true), std::logic_error);
}
