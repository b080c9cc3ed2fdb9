#include <grove/sync/select.hpp>

#include <algorithm>
#include <random>
#include <stdexcept>

namespace grove::detail {

namespace {

using Cases = std::span<SelectCaseBase* const>;

/// Below n, from a sequence that is the same in each run.
std::size_t random_below(std::size_t n) {
    thread_local std::minstd_rand engine;
    return n > 1 ? engine() % n : 0;
}

/// One of those that can be done at once, each as likely as the others. Null: none can.
SelectCaseBase* draw(Cases cases) {
    SelectCaseBase* drawn = nullptr;
    std::size_t ready = 0;
    for (SelectCaseBase* one : cases) {
        if (one->ready() && random_below(++ready) == 0) drawn = one;
    }
    return drawn;
}

/// Does one that can be done at once. Null: none can.
SelectCaseBase* take_one(Cases cases) {
    for (;;) {
        SelectCaseBase* const drawn = draw(cases);
        if (!drawn || drawn->take()) return drawn;
    }
}

/// Stands in the lines of all cases.
class Enrolment {
public:
    explicit Enrolment(Cases cases) noexcept : cases_{cases} {}
    ~Enrolment() {
        for (SelectCaseBase* one : cases_.first(enrolled_)) one->leave();
    }
    Enrolment(const Enrolment&) = delete;
    Enrolment& operator=(const Enrolment&) = delete;

    /// Which was served first.
    SelectCaseBase& wait(std::span<Waiter> waiters) {
        for (; enrolled_ < cases_.size(); ++enrolled_) cases_[enrolled_]->enroll(waiters[enrolled_]);
        SelectCaseBase* const next = *std::ranges::min_element(cases_, {}, &SelectCaseBase::due);
        const Waiter* const served = wait_any(waiters, next->due(), "select");
        return served ? *cases_[static_cast<std::size_t>(served - waiters.data())] : *next;
    }

private:
    Cases cases_;
    std::size_t enrolled_ = 0;
};

SelectCaseBase& wait_for_one(Cases cases, std::span<Waiter> waiters) {
    SelectCaseBase* served = nullptr;
    {
        Enrolment enrolment{cases};
        served = &enrolment.wait(waiters);
    }
    served->receive();
    return *served;
}

std::size_t act(Cases cases, SelectCaseBase& chosen) {
    chosen.act();
    return static_cast<std::size_t>(std::ranges::find(cases, &chosen) - cases.begin());
}

}  // namespace

std::size_t select_one(Cases cases, std::span<Waiter> waiters) {
    if (cases.empty()) throw std::invalid_argument{"select: nothing to wait for"};
    SelectCaseBase* const taken = take_one(cases);
    return act(cases, taken ? *taken : wait_for_one(cases, waiters));
}

std::optional<std::size_t> select_ready(Cases cases) {
    SelectCaseBase* const taken = take_one(cases);
    if (!taken) return std::nullopt;
    return act(cases, *taken);
}

}  // namespace grove::detail
