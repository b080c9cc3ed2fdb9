// expect: deleted
#include <grove/sync/semaphore.hpp>

void f() {
    grove::Semaphore permits{1};
    permits.release();
#ifdef FORBIDDEN
    grove::Semaphore copy{permits};
    copy.release();
#endif
}
