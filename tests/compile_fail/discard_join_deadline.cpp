// expect: nodiscard
#include <grove/core/greenlet.hpp>

#include <chrono>

void f(const grove::GreenletRef& greenlet) {
    greenlet.join();
#ifdef FORBIDDEN
    greenlet.join(std::chrono::seconds{1});
#endif
}
