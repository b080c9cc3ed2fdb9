// expect: deleted
#include <grove/sync/event.hpp>

void f() {
    grove::Event event;
    event.set();
#ifdef FORBIDDEN
    grove::Event copy{event};
    copy.set();
#endif
}
