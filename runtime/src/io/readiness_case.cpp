#include <grove/io/detail/readiness_case.hpp>

#include "io/descriptor.hpp"

#include <stdexcept>

namespace grove::detail {

namespace {

constexpr Descriptor::Direction of_descriptor(ReadinessCaseBase::Direction direction) noexcept {
    return direction == ReadinessCaseBase::Direction::reading ? Descriptor::reading : Descriptor::writing;
}

}  // namespace

bool ReadinessCaseBase::ready() const {
    return descriptor_->look(of_descriptor(direction_));
}

void ReadinessCaseBase::enroll(Waiter& waiter) {
    Scheduler* const scheduler = Scheduler::here();
    if (!scheduler) return;  // the wait itself will refuse
    waiter.list = &descriptor_->stand_in_line(*scheduler, of_descriptor(direction_));
    waiter_ = &waiter;
}

void ReadinessCaseBase::leave() noexcept {
    if (!waiter_) return;
    const bool told = waiter_->outcome == Waiter::Outcome::notified;
    waiter_ = nullptr;
    descriptor_->leave_line(of_descriptor(direction_), told);
}

}  // namespace grove::detail
