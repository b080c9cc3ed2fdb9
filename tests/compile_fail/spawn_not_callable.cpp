// expect: no matching function for call to .*spawn
#include <grove/core/greenlet.hpp>

void f() {
    grove::spawn([](int) {}, 1).join();
#ifdef FORBIDDEN
    grove::spawn([](int) {}).join();
#endif
}
