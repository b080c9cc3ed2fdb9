// expect: deleted
#include <grove/http/client.hpp>

void f() {
    grove::http::Client client;
#ifdef FORBIDDEN
    grove::http::Client copy{client};
#endif
}
