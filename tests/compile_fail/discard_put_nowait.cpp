// expect: nodiscard
#include <grove/sync/queue.hpp>

void f(grove::Queue<int>& queue) {
    (void)queue.put_nowait(1);
#ifdef FORBIDDEN
    queue.put_nowait(2);
#endif
}
