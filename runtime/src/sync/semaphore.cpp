#include <grove/base/assert.hpp>
#include <grove/sync/semaphore.hpp>

#include <stdexcept>

namespace grove {

void Semaphore::release_slow(std::size_t n) noexcept {
    while (n > 0 && waiters_.notify_one()) --n;
    permits_ += n;
}

GROVE_COLD void BoundedSemaphore::throw_too_many() {
    throw std::logic_error{"BoundedSemaphore::release: more permits than there were at first"};
}

}  // namespace grove
