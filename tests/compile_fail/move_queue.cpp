// expect: deleted
#include <grove/sync/queue.hpp>

#include <utility>

void f() {
    grove::Queue<int> queue;
    queue.put(1);
#ifdef FORBIDDEN
    grove::Queue<int> moved{std::move(queue)};
    moved.put(2);
#endif
}
