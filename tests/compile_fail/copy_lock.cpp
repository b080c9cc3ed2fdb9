// expect: deleted
#include <grove/sync/lock.hpp>

void f() {
    grove::Lock lock;
    lock.lock();
#ifdef FORBIDDEN
    grove::Lock copy{lock};
    copy.lock();
#endif
}
