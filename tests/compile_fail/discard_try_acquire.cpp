// expect: nodiscard
#include <grove/sync/semaphore.hpp>

void f(grove::Semaphore& permits) {
    if (!permits.try_acquire()) permits.acquire();
#ifdef FORBIDDEN
    permits.try_acquire();
#endif
}
