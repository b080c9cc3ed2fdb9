#include <grove/io/detail/readiness_case.hpp>

#include "io/descriptor.hpp"

#include <stdexcept>

namespace grove::detail {

bool ReadinessCaseBase::ready() const {
    return descriptor_->look(direction_ == Direction::reading ? Descriptor::reading : Descriptor::writing);
}

void ReadinessCaseBase::enroll(Waiter& waiter) {
    Scheduler* const scheduler = Scheduler::here();
    if (!scheduler) return;  // the wait itself will refuse
    const auto direction = direction_ == Direction::reading ? Descriptor::reading : Descriptor::writing;
    waiter.list = &descriptor_->stand_in_line(*scheduler, direction);
    waiter_ = &waiter;
}

void ReadinessCaseBase::leave() noexcept {
    if (!waiter_) return;
    const bool told = waiter_->outcome == Waiter::Outcome::notified;
    waiter_ = nullptr;
    const auto direction = direction_ == Direction::reading ? Descriptor::reading : Descriptor::writing;
    descriptor_->leave_line(direction, told);
}

}  // namespace grove::detail
