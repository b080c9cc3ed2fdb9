// expect: deleted
#include <grove/core/timeout.hpp>

#include <chrono>

void f() {
    grove::Timeout timeout{std::chrono::seconds{1}};
    timeout.reset({});
#ifdef FORBIDDEN
    grove::Timeout copy{timeout};
    copy.reset({});
#endif
}
