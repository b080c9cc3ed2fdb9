#pragma once

#include <doctest/doctest.h>

// GROVE_TEST("a sentence") { ... }: the body is the main greenlet of a fresh runtime on a virtual clock,
// which jumps to the next timer when every greenlet waits. Afterwards no greenlet, stack, timer or pool job
// may be left, and the process has the descriptors it had before. GROVE_SHUFFLE=seed shuffles the ready
// queue. GROVE_TEST_FIFO: the same, never shuffled, for what promises an order. GROVE_TEST_REAL: on the real
// clock, for native threads and sockets.

namespace grove::testing {

enum class Time { simulated, real };
enum class Order { shuffled, fifo };  ///< shuffled: if GROVE_SHUFFLE is set

void run_case(void (*body)(), Time, Order);

/// Of this process, now.
[[nodiscard]] int open_descriptors();

}  // namespace grove::testing

#define GROVE_TEST_CASE(name, body, time, order)                                                   \
    static void body();                                                                            \
    TEST_CASE(name) {                                                                              \
        grove::testing::run_case(&body, grove::testing::Time::time, grove::testing::Order::order); \
    }                                                                                              \
    static void body()

#define GROVE_TEST(name) GROVE_TEST_CASE(name, DOCTEST_ANONYMOUS(grove_test_body_), simulated, shuffled)
#define GROVE_TEST_FIFO(name) GROVE_TEST_CASE(name, DOCTEST_ANONYMOUS(grove_test_body_), simulated, fifo)
#define GROVE_TEST_REAL(name) GROVE_TEST_CASE(name, DOCTEST_ANONYMOUS(grove_test_body_), real, shuffled)
#define GROVE_TEST_REAL_FIFO(name) GROVE_TEST_CASE(name, DOCTEST_ANONYMOUS(grove_test_body_), real, fifo)
