#include "platform/fiber.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <cfenv>
#include <cstddef>
#include <cstdint>
#include <memory>

using grove::detail::FiberRecord;
using grove::detail::ThreadSlots;

namespace {

/// Two flows of control: the test, and one on a stack of its own.
class Pair {
public:
    Pair() { adopt_thread(test); }

    template <void (*Entry)() noexcept>
    void begin(std::size_t unused = 0) {
        other.stack = {stack->data() + stack->size() - unused, stack->size() - unused};
        grove::detail::make_fiber<Entry>(other);
    }
    void end() { forget_fiber(other); }
    void go() { switch_fiber(test, other, slots); }
    void go_back() { switch_fiber(other, test, slots); }

    struct alignas(16) Stack : std::array<std::byte, 256UL * 1024> {};

    std::unique_ptr<Stack> stack = std::make_unique<Stack>();
    ThreadSlots slots = ThreadSlots::of_this_thread();
    FiberRecord test;
    FiberRecord other;
    int turns = 0;
    double third = 0;
    std::uintptr_t aligned = 1;
};

Pair* pair = nullptr;

void count_turns() noexcept {
    grove::detail::arrive();
    for (;;) {
        ++pair->turns;
        pair->go_back();
    }
}

void keep_all_in_registers() noexcept {
    grove::detail::arrive();
    // More than there are registers which a call preserves, so all of these are in use.
    long a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7;
    for (;;) {
        asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g));
        pair->go_back();
        asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g));
        pair->turns = static_cast<int>(a + 10 * (b + 10 * (c + 10 * (d + 10 * (e + 10 * (f + 10 * g))))));
    }
}

double third() {
    const volatile double three = 3;
    return 1 / three;
}

void round_upward() noexcept {
    grove::detail::arrive();
    std::fesetround(FE_UPWARD);
    for (;;) {
        pair->go_back();
        pair->turns = std::fegetround();  // of the x87 unit
        pair->third = third();            // by SSE
    }
}

void end_rounding_upward() noexcept {
    grove::detail::arrive();
    std::fesetround(FE_UPWARD);
    leave_fiber(pair->test, pair->slots);
}

void align() noexcept {
    grove::detail::arrive();
    alignas(16) std::array<std::byte, 16> object{};
    asm volatile("" : : "r"(object.data()) : "memory");
    pair->aligned = reinterpret_cast<std::uintptr_t>(object.data()) % 16;
    leave_fiber(pair->test, pair->slots);
}

struct WithPair {
    WithPair() { pair = &value; }
    ~WithPair() { value.end(); }
    Pair value;
};

}  // namespace

TEST_SUITE_BEGIN("platform/fiber");

TEST_CASE_FIXTURE(WithPair, "two flows of control take turns") {
    value.begin<&count_turns>();
    for (int i = 1; i <= 1000; ++i) {
        value.go();
        CHECK(value.turns == i);
    }
}

TEST_CASE_FIXTURE(WithPair, "the registers that a call preserves are each flow's own") {
    value.begin<&keep_all_in_registers>();
    long a = 7, b = 6, c = 5, d = 4, e = 3, f = 2, g = 1;
    for (int i = 0; i < 3; ++i) {
        asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g));
        value.go();
        asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g));
    }
    CHECK(a + 10 * (b + 10 * (c + 10 * (d + 10 * (e + 10 * (f + 10 * g))))) == 1234567);
    CHECK(value.turns == 7654321);
}

TEST_CASE_FIXTURE(WithPair, "so is the rounding of floating point") {
    value.begin<&round_upward>();
    value.go();
    CHECK(std::fegetround() == FE_TONEAREST);
    value.go();
    CHECK(value.turns == FE_UPWARD);
    std::fesetround(FE_DOWNWARD);
    value.go();
    CHECK(value.turns == FE_UPWARD);
    CHECK(std::fegetround() == FE_DOWNWARD);
    CHECK(third() < value.third);
    std::fesetround(FE_TONEAREST);
}

TEST_CASE_FIXTURE(WithPair, "a flow that ends leaves its rounding to nobody") {
    const double nearest = third();
    value.begin<&end_rounding_upward>();
    value.go();
    CHECK(std::fegetround() == FE_TONEAREST);  // of the x87 unit
    CHECK(third() == nearest);                 // by SSE
}

TEST_CASE("a flow ends by leaving, and its frames were aligned wherever its stack begins") {
    for (const std::size_t unused : {0, 8, 24, 64, 1000}) {
        WithPair each;
        each.value.begin<&align>(unused);
        each.value.go();
        CHECK(each.value.aligned == 0);
    }
}

TEST_CASE_FIXTURE(WithPair,
                  "a function is called on the stack of a flow that does not run, which goes on as it was") {
    value.begin<&count_turns>();
    value.go();
    struct Seen {
        std::byte* frame = nullptr;
        std::uintptr_t aligned = 1;
    } seen;
    for (int i = 0; i < 3; ++i) {
        run_on_stack_of(
            value.other,
            value.test,
            [](void* data) noexcept {
                alignas(16) std::array<std::byte, 512> object{};
                asm volatile("" : : "r"(object.data()) : "memory");
                auto& it = *static_cast<Seen*>(data);
                it.frame = object.data();
                it.aligned = reinterpret_cast<std::uintptr_t>(object.data()) % 16;
            },
            &seen);
        CHECK(seen.frame > value.stack->data());
        CHECK(seen.frame < value.stack->data() + value.stack->size());
        CHECK(seen.aligned == 0);
        value.go();
        CHECK(value.turns == i + 2);
    }
}

TEST_CASE_FIXTURE(WithPair, "so is errno") {
    value.begin<&count_turns>();
    errno = 0;
    value.go();
    value.other.saved_errno = EAGAIN;
    errno = EINTR;
    value.go();
    CHECK(errno == EINTR);
    CHECK(value.other.saved_errno == EAGAIN);
}

TEST_SUITE_END();
